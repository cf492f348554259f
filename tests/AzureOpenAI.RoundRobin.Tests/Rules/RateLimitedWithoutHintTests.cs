using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A 429 that does not say for how long: the time of one call at the endpoint's pace, 20 ms to 1 s; doubled only while the first call after it is rejected again, to 30 s.</summary>
[Trait("Rule", "5.7")]
public class RateLimitedWithoutHintTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FirstCallAfterThePause_IsRejectedAgain_DoublesIt(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(429);

        foreach (double seconds in new double[] { 1, 2, 4, 8, 16, 30, 30 })
        {
            Assert.Equal("b", await pool.AskInTurnOfAsync(0, streaming));
            Assert.Equal(seconds, pool.OutFor(0));
            pool.Time.Advance(TimeSpan.FromSeconds(seconds));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FirstCallAfterThePause_IsAnswered_DoublesNothing(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(FakeFailure.Status(429), FakeFailure.Status(429), null, FakeFailure.Status(429));
        await pool.AskInTurnOfAsync(0, streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        await pool.AskInTurnOfAsync(0, streaming);
        Assert.Equal(2, pool.OutFor(0));
        pool.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal("a", await pool.AskInTurnOfAsync(0, streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal("b", await pool.AskInTurnOfAsync(0, streaming));

        Assert.Equal(1, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false, 5, 0.2)]
    [InlineData(true, 5, 0.2)]
    [InlineData(false, 8, 0.125)]
    public async Task ManyCallsASecond_AreOutForTheTimeOfOne(bool streaming, int calls, double seconds)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] held = [.. Enumerable.Range(0, 2 * calls).Select(_ => pool.AskAsync(streaming))];

        pool.Clients[0].Held[^1].Fail(FakeFailure.Status(429));

        Assert.Equal(seconds, pool.OutFor(0));
        Array.ForEach(pool.Clients[0].Held, static call => call.Answer());
        await Task.WhenAll(held);
    }

    [Theory]
    [InlineData(20, 50)]
    [InlineData(25, 40)]
    public async Task VeryManyCallsASecond_OnlyHoldCallsBack(int calls, int milliseconds)
    {
        using FakePool pool = new(2);
        Array.ForEach(pool.Clients, static client => client.Hold());
        Task<string>[] held = [.. Enumerable.Range(0, 2 * calls).Select(_ => pool.AskAsync())];

        pool.Clients[0].Held[^1].Fail(FakeFailure.Status(429));

        Assert.Equal((EndpointState.Healthy, null), (pool.StateOf(0), pool.StatusOf(0).Reason));
        Array.ForEach(pool.Clients, static client => client.Fails = null);
        pool.Time.Advance(TimeSpan.FromMilliseconds(milliseconds - 1));
        Assert.Equal("bbb", await pool.AskManyAsync(3));
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Contains('a', await pool.AskManyAsync(2));
        Array.ForEach([.. pool.Clients.SelectMany(static client => client.Held)], static call => call.Answer());
        await Task.WhenAll(held);
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("0")]
    [InlineData("-3")]
    public async Task InvalidHint_CountsAsNoHint(string value)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(FakeFailure.Status(429, ("Retry-After", value)));

        await pool.AskAsync();

        Assert.Equal(1, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WithinThePause_IsNotProbed(bool streaming)
    {
        using FakePool pool = new(2);
        Array.ForEach(pool.Clients, client => client.Plays(FakeFailure.Status(429)));
        Task<string>[] calls = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync(streaming))];
        Assert.Equal(3, pool.Waiting);

        await pool.AdvanceAsync(0.999);
        Assert.Equal([1, 1], pool.Calls);
        await pool.AdvanceAsync(0.001);

        Assert.Equal([2, 2], pool.Calls);
        Assert.Equal(1, pool.Waiting);
        Assert.Equal([EndpointState.Healthy, EndpointState.Healthy], [pool.StateOf(0), pool.StateOf(1)]);
        await pool.AdvanceAsync(1.1);
        await Task.WhenAll(calls);
    }

    /// <summary>Nobody else could answer, and the pause is a guess.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OnlyEndpoint_IsAskedAgainBeforeALongPauseEnds(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Plays([.. Enumerable.Repeat(FakeFailure.Status(429), 4)]);
        Task<string> call = pool.AskAsync(streaming);

        for (int i = 0; i < 12 && !call.IsCompleted; i++)
        {
            await pool.AdvanceAsync(0.5);
        }

        Assert.Equal("a", await call);
        Assert.Equal(5, pool.Calls[0]);
    }
}
