using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>No endpoint is available: the head of the queue takes the next probe, at most four a second, one per endpoint, never before a stated time.</summary>
[Trait("Rule", "5.8")]
public class QueueProbesWhileAllAreUnavailableTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AllUnavailableByErrors_QueueProbesAtMostFourTimesASecond(bool streaming)
    {
        using FakePool pool = new(3);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.Refused();
        }

        Task<string>[] calls = [.. Enumerable.Range(0, 10).Select(_ => pool.AskAsync(streaming))];
        await pool.SettleAsync();
        for (int i = 0; i < 100; i++)
        {
            await pool.AdvanceAsync(0.05);
        }

        // After the first round, and the probe that the line makes at once: those that it forces, four a second, and cooldowns that end.
        double[] times = [.. pool.Clients.SelectMany(client => client.Times).Order().Skip(4)];
        Assert.InRange(times.Length, 12, 30);
        Assert.All(times, from => Assert.InRange(times.Count(time => time >= from && time < from + 1), 0, 4 + 3));
        Assert.All(pool.Clients, client => Assert.True(client.Times.Zip(client.Times[1..], (one, next) => next - one).Skip(1).All(gap => gap >= 0.2)));
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = null;
        }

        for (int i = 0; i < 10; i++)
        {
            await pool.AdvanceAsync(0.05);
        }

        Assert.All(calls, call => Assert.True(call.IsCompletedSuccessfully));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task HangingProbe_IsTheOnlyOneAtItsEndpoint(bool streaming)
    {
        using FakePool pool = new(2);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.Refused();
        }

        Task<string>[] calls = [.. Enumerable.Range(0, 6).Select(_ => pool.AskAsync(streaming))];
        await pool.SettleAsync();
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Hold();
        }

        await pool.AdvanceAsync(0.25);
        Assert.Equal(1, pool.InFlight);
        await pool.AdvanceAsync(0.249);
        Assert.Equal(1, pool.InFlight);
        pool.Pool.Dispose();
        foreach (HeldCall held in pool.Clients.SelectMany(client => client.Held))
        {
            held.Answer();
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => Task.WhenAll(calls));
        Assert.Equal(1, calls.Count(call => call.IsCompletedSuccessfully));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AllUnavailableByErrors_TheOneNotCalledForLongestIsProbedFirst(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Refused();
        Assert.Equal("b", await pool.AskAsync(streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(0.5));
        pool.Clients[1].Fails = FakeFailure.Refused();

        Task<string> call = pool.AskAsync(streaming);
        await pool.SettleAsync();

        Assert.Equal([0, 0.5], pool.Clients[0].Times);
        Assert.Equal([0, 0.5], pool.Clients[1].Times);
        pool.Clients[0].Fails = null;
        pool.Clients[1].Fails = null;
        await pool.AdvanceAsync(0.25);
        await call;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneByErrorsAndOneByHint_OnlyTheFirstIsProbed(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Refused();
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(20));
        Task<string> call = pool.AskAsync(streaming);

        for (int i = 0; i < 20; i++)
        {
            await pool.AdvanceAsync(0.25);
        }

        Assert.Equal(1, pool.Clients[1].Calls);
        Assert.InRange(pool.Clients[0].Calls, 5, 26);
        pool.Clients[0].Fails = null;
        await pool.AdvanceAsync(1);
        Assert.Equal("a", await call);
    }
}
