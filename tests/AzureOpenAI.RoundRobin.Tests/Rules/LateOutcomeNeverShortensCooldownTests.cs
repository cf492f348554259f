using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A late outcome of an older attempt never shortens or ends a newer cooldown.</summary>
[Trait("Rule", "5.7")]
public class LateOutcomeNeverShortensCooldownTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LateFailure_OfAnOlderAttempt_DoesNotShortenTheCooldown(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 10).Select(_ => pool.AskAsync(streaming))];
        HeldCall[] held = pool.Clients[0].Held;
        Assert.Equal(5, held.Length);

        held[0].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(20)));
        Assert.Equal(20, pool.OutFor(0));
        held[1].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(1)));
        Assert.Equal(20, pool.OutFor(0));
        held[2].Fail(FakeFailure.Status(500));
        Assert.Equal(20, pool.OutFor(0));
        held[3].Fail(FakeFailure.Status(401));
        held[4].Answer();

        await Task.WhenAll(calls);
        Assert.InRange(pool.OutFor(0), 9.9, 20);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LateSuccess_OfAnOlderAttempt_DoesNotEndTheCooldown(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 4).Select(_ => pool.AskAsync(streaming))];

        pool.Clients[0].Held[0].Fail(FakeFailure.Status(429));
        pool.Clients[0].Held[1].Answer();
        await Task.WhenAll(calls);

        // Two calls a second, so the pause is the time of one.
        Assert.Equal(0.5, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ManyFailuresAtOneMoment_OfOlderAttempts_CountAsOne(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 16).Select(_ => pool.AskAsync(streaming))];

        foreach (HeldCall held in pool.Clients[0].Held)
        {
            held.Fail(FakeFailure.Status(429));
        }

        await Task.WhenAll(calls);
        Assert.Equal(0.125, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OlderProbe_DoesNotChangeALaterCooldown(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = Ask(pool, 4, streaming);
        pool.Clients[0].Held[0].Fail(FakeFailure.Status(404));
        pool.Time.Advance(TimeSpan.FromSeconds(10));
        calls = [.. calls, .. Ask(pool, 2, streaming)];
        pool.Clients[0].Held[1].Fail(FakeFailure.Status(404, ("Retry-After", "30")));
        pool.Time.Advance(TimeSpan.FromSeconds(30));
        calls = [.. calls, .. Ask(pool, 2, streaming)];
        Assert.Equal((4, EndpointState.Probing), (pool.Clients[0].Calls, pool.StateOf(0)));

        pool.Clients[0].Held[2].Answer();

        Assert.Equal(EndpointState.Probing, pool.StateOf(0));
        pool.Clients[0].Held[3].Answer();
        Assert.NotEqual(EndpointState.Probing, pool.StateOf(0));
        await Task.WhenAll(calls);
    }

    private static Task<string>[] Ask(FakePool pool, int count, bool streaming) => [.. Enumerable.Range(0, count).Select(_ => pool.AskAsync(streaming))];
}
