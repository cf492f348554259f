using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>An endpoint that limits the calls in flight, and not their rate: after some rejections they are counted, and a call that waits goes when another has ended.</summary>
[Trait("Rule", "4")]
public class CallsInFlightAreLimitedTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TwoInFlight_AThirdWaitsUntilOneHasEnded(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromHours(1));
        FakeChatClient client = pool.Clients[0];
        client.Hold();
        for (int i = 0; i < 13; i++)
        {
            Task<string>[] round = await RejectTheThirdAsync(pool, streaming);
            Array.ForEach(client.Held, static held => held.Answer());
            await PassesUntilAsync(pool, () => client.Running == 1);
            client.Held[^1].Answer();
            await Task.WhenAll(round);
        }

        // The third is one more than it takes, which is tried now and then.
        Task<string>[] last = await RejectTheThirdAsync(pool, streaming);
        Assert.True(pool.EndpointAt(0).Capacity.LimitsInFlight);
        await PassesUntilAsync(pool, () => pool.Waiting == 1);
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((2, 1), (client.Running, pool.Waiting));

        client.Held[^3].Answer();
        await pool.SettleAsync();

        Assert.Equal((2, 0), (client.Running, pool.Waiting));
        Array.ForEach(client.Held, static held => held.Answer());
        await Task.WhenAll(last);
    }

    private static async Task<Task<string>[]> RejectTheThirdAsync(FakePool pool, bool streaming)
    {
        List<Task<string>> calls = [];
        for (int i = 0; i < 3; i++)
        {
            int running = i + 1;
            pool.Time.Advance(TimeSpan.FromSeconds(4));
            calls.Add(pool.AskAsync(streaming));
            await PassesUntilAsync(pool, () => pool.Clients[0].Running == running);
        }

        pool.Clients[0].Held[^1].Fail(FakeFailure.Status(429));
        return [.. calls];
    }

    /// <summary>The rejected call pauses first or waits at once, which nothing shows. So time passes in small steps.</summary>
    private static Task PassesUntilAsync(FakePool pool, Func<bool> condition) => Eventually.TrueAsync(() =>
    {
        pool.Time.Advance(TimeSpan.FromMilliseconds(10));
        return condition();
    });
}
