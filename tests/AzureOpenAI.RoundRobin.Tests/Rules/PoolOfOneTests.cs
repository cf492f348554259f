using System.ClientModel;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A single endpoint: it is called again after short pauses while MaxWait lasts, and never does worse than the plain client.</summary>
[Trait("Rule", "5.8")]
public class PoolOfOneTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task IsolatedError_IsCalledAgainAfterHalfASecond(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Plays(FakeFailure.Status(500));
        Task<string> call = pool.AskAsync(streaming);

        pool.Time.Advance(TimeSpan.FromMilliseconds(499));
        Assert.Equal(1, pool.Clients[0].Calls);
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal("a", await call);
        Assert.Equal([0, 0.5], pool.Clients[0].Times);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RepeatedErrors_PausesGrow_WhileMaxWaitLasts(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromSeconds(20));
        pool.Clients[0].Fails = FakeFailure.Status(500);
        Task<string> call = pool.AskAsync(streaming);
        int calls = 1;
        foreach (double pause in new[] { 0.5, 1, 2, 4, 4, 4, 4 })
        {
            await pool.AdvanceAsync(pause - 0.001, paused: 1);
            Assert.Equal((calls, false), (pool.Clients[0].Calls, call.IsCompleted));
            pool.Time.Advance(TimeSpan.FromSeconds(0.001));
            await Eventually.TrueAsync(() => pool.Clients[0].Calls > calls || call.IsCompleted);
            calls = pool.Clients[0].Calls;
        }

        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call);
        Assert.Equal([0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5], pool.Clients[0].Times);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ErrorOfAProbe_PausesBetweenProbes(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Fails = FakeFailure.Refused();
        Task<string>[] calls = [pool.AskAsync(streaming), pool.AskAsync(streaming), pool.AskAsync(streaming)];
        await pool.SettleAsync();
        int refused = pool.Clients[0].Calls;

        pool.Clients[0].Plays([.. Enumerable.Repeat(FakeFailure.Status(500), 20)]);
        for (int i = 0; i < 8; i++)
        {
            await pool.AdvanceAsync(0.25);
        }

        Assert.InRange(pool.Clients[0].Calls - refused, 1, 4);
        pool.Clients[0].Fails = null;
        await pool.AdvanceAsync(4);
        await Task.WhenAll(calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task KnownToTakeMany_TakesThemAtThatPace(bool streaming)
    {
        using FakePool pool = new(1);
        await pool.AskManyAsync(64, streaming);
        pool.Clients[0].Plays(FakeFailure.Status(429));
        Task<string> rejected = pool.AskAsync(streaming);
        pool.Clients[0].Hold();
        Task<string>[] calls = [rejected, .. Enumerable.Range(0, 9).Select(_ => pool.AskAsync(streaming))];
        Assert.Equal(10, pool.Waiting);

        // 64 in a second, so the pause is the shortest of 20 ms.
        await pool.AdvanceAsync(0.019);
        Assert.Equal(0, pool.Clients[0].Running);
        await pool.AdvanceAsync(0.001);
        Assert.Equal(1, pool.Clients[0].Running);
        for (int i = 0; i < 11; i++)
        {
            await pool.AdvanceAsync(1.0 / 64);
        }

        Assert.Equal(10, pool.Clients[0].Running);
        Array.ForEach(pool.Clients[0].Held, held => held.Answer());
        await Task.WhenAll(calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Unreachable_IsCalledAgainAfterAHalfOneAndTwoSeconds(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Fails = FakeFailure.Refused();
        Task<string> call = pool.AskAsync(streaming);
        for (int i = 0; i < 299; i++)
        {
            await pool.AdvanceAsync(0.1);
        }

        Assert.Equal([0, 0.5, 1.5], pool.Clients[0].Times[..3]);
        Assert.All(pool.Clients[0].Times.Zip(pool.Clients[0].Times[1..], (one, next) => next - one), gap => Assert.InRange(gap, 0.5, 15));
        pool.Clients[0].Fails = null;
        pool.Time.Advance(TimeSpan.FromSeconds(0.1));
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RateLimitedWithHint_IsCalledAgainExactlyThen(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(7)));
        Task<string> call = pool.AskAsync(streaming);
        for (int i = 0; i < 70; i++)
        {
            await pool.AdvanceAsync(0.1);
        }

        Assert.Equal("a", await call);
        Assert.Equal([0, 7], pool.Clients[0].Times);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RateLimitedWithShortHint_IsCalledAgainExactlyThen(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromMilliseconds(40)));
        Task<string> call = pool.AskAsync(streaming);

        await pool.AdvanceAsync(0.039);
        Assert.Equal(1, pool.Clients[0].Calls);
        await pool.AdvanceAsync(0.001);

        Assert.Equal("a", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RateLimitedWithoutHint_IsCalledAgainAfterEightSecondsAtMost(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Fails = FakeFailure.Status(429);
        Task<string> call = pool.AskAsync(streaming);
        for (int i = 0; i < 290; i++)
        {
            await pool.AdvanceAsync(0.1);
        }

        double[] times = pool.Clients[0].Times;
        Assert.All(times.Zip(times.Skip(1)), static pair => Assert.InRange(pair.Second - pair.First, 0.4, 8));
        Assert.InRange(times[^1], 24, 29);
        pool.Time.Advance(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Misconfigured_SurfacesTheSdksExceptionAtOnce(bool streaming)
    {
        using FakePool pool = new(1);
        Exception failure = FakeFailure.Status(401);
        pool.Clients[0].Fails = failure;

        Assert.Same(failure, await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TakesLongToFail_IsCalledAgainAtOnce(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming);
        for (int i = 0; i < 4; i++)
        {
            // Connecting takes longer than any pause between two probes.
            await pool.AdvanceAsync(5);
            pool.Clients[0].Held[^1].Fail(FakeFailure.Refused());
            await pool.AdvanceAsync(0.001);
        }

        Assert.Equal([0, 5, 10, 15, 20], pool.Clients[0].Times.Select(time => Math.Round(time)));
        pool.Clients[0].Held[^1].Answer();
        Assert.Equal("a", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TimedOut_IsCalledOnceMore(bool streaming)
    {
        using FakePool pool = new(1, options => options.AttemptTimeout = TimeSpan.FromSeconds(2));
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming);

        pool.Time.Advance(TimeSpan.FromSeconds(2));
        pool.Time.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal(2, pool.Clients[0].Calls);
        pool.Time.Advance(TimeSpan.FromSeconds(2));

        await Assert.ThrowsAsync<TimeoutException>(() => call);
    }
}
