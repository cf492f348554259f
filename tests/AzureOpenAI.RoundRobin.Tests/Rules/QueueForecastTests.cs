using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Whether a call that finds no room is queued, or refused at once with the time when there will be some.</summary>
[Trait("Rule", "5.5")]
public class QueueForecastTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ConfiguredLimits_QueueWhatWillBeServedInTime_AndRefuseTheRestAtOnce(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.FromSeconds(5.8), (i, entry) => entry.RequestsPerMinute = i == 0 ? 60 : 120);
        Task<string>[] calls = [.. Enumerable.Range(0, 30).Select(_ => pool.AskAsync(streaming))];

        // Three at once, and three in each of five seconds, of which the forecast counts each with a third of a second: 5.51 s are 95 % of what a call may wait.
        Assert.Equal((3, 14), (pool.Calls.Sum(), pool.Waiting));
        Task<string>[] refused = [.. calls.Where(call => call.IsFaulted)];
        Assert.Equal(13, refused.Length);
        foreach (Task<string> call in refused)
        {
            Assert.InRange((await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call)).RetryAfter!.Value.TotalSeconds, 5.5, 6);
        }

        for (int i = 0; i < 5; i++)
        {
            await pool.AdvanceAsync(1);
        }

        await Task.WhenAll(calls.Except(refused));
        Assert.Equal(17, pool.Calls.Sum());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LearnedPace_QueuesWhatWillBeServedInTime_AndRefusesTheRestAtOnce(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromSeconds(20 / 0.95));
        await LearnAsync(pool, streaming);
        double rate = pool.EndpointAt(0).Capacity.PerSecond!.Value;
        Assert.InRange(rate, 4, 5);
        int before = pool.Calls[0];

        Task<string>[] calls = [.. Enumerable.Range(0, 120).Select(_ => pool.AskAsync(streaming))];

        // One at the end of the pause of 1.5 s, and as many as the pace has places from then on within 20 s.
        Assert.Equal((before, 1 + (int)(18.5 * rate)), (pool.Calls[0], pool.Waiting));
        Task<string>[] refused = [.. calls.Where(call => call.IsFaulted)];
        foreach (Task<string> call in refused)
        {
            EndpointsExhaustedException exception = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call);
            Assert.Equal(429, exception.Status);
            Assert.InRange(exception.RetryAfter!.Value.TotalSeconds, 20, 20.25);
        }

        for (int i = 0; i < 1000 && pool.Waiting > 0; i++)
        {
            await pool.AdvanceAsync(0.02);
        }

        string[] answers = await Task.WhenAll(calls.Except(refused));
        Assert.All(answers, answer => Assert.Equal("a", answer));
        Assert.InRange((pool.Time.GetUtcNow() - Clocks.Start).TotalSeconds, 10, 30);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task QueueThatStandsForLong_QueuesNewCallsForTheWholeMaxWait(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromSeconds(21.6), (_, entry) => entry.RequestsPerMinute = 60);
        List<Task<string>> calls = [.. Enumerable.Range(0, 21).Select(_ => pool.AskAsync(streaming))];
        Assert.Equal(20, pool.Waiting);
        for (int second = 1; second < 60; second++)
        {
            await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
            await pool.AdvanceAsync(1);
            calls.Add(pool.AskAsync(streaming));
            Assert.Equal(20, pool.Waiting);
        }

        for (int second = 0; second < 20; second++)
        {
            await pool.AdvanceAsync(1);
        }

        await Task.WhenAll(calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task UnknownLimit_EstimateIsByThePace(bool streaming)
    {
        // One is at its limit for a minute, the other is unreachable and may be back at any moment.
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.FromSeconds(5), (i, entry) => entry.RequestsPerMinute = i == 0 ? 1 : null);
        pool.Clients[1].Fails = FakeFailure.Refused();
        await pool.AskManyAsync(1, streaming);

        Task<string> call = pool.AskAsync(streaming);
        Assert.Equal(1, pool.Waiting);
        pool.Clients[1].Fails = null;
        await pool.AdvanceAsync(1);

        Assert.Equal("b", await call);
    }

    /// <summary>Five a second are taken, and after them ten are, and one is rejected, for a second time: its pace is known, and the rejected call waits.</summary>
    private static async Task LearnAsync(FakePool pool, bool streaming)
    {
        for (int i = 0; i < 2; i++)
        {
            pool.Clients[0].Hold();
            List<Task<string>> calls = [];
            for (int call = 0; call < 5; call++)
            {
                calls.Add(pool.AskAsync(streaming));
                await pool.AdvanceAsync(i == 0 ? 0.001 : 0.5);
            }

            pool.Clients[0].Held[^1].Fail(FakeFailure.RateLimited(TimeSpan.FromMilliseconds(1500)));
            Array.ForEach(pool.Clients[0].Held, static held => held.Answer());
            pool.Clients[0].Fails = null;
            await Task.WhenAll(calls[..4]);
            if (i == 0)
            {
                await pool.AdvanceAsync(1.5);
                await calls[4];
            }
        }
    }
}
