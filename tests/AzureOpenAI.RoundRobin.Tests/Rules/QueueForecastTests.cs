using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

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
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.FromSeconds(5.5), (i, entry) => entry.RequestsPerMinute = i == 0 ? 60 : 120);
        Task<string>[] calls = [.. Enumerable.Range(0, 30).Select(_ => pool.AskAsync(streaming))];

        // Three at once, and three in each of five seconds.
        Assert.Equal((3, 15), (pool.Calls.Sum(), pool.Waiting));
        Task<string>[] refused = [.. calls.Where(call => call.IsFaulted)];
        Assert.Equal(12, refused.Length);
        foreach (Task<string> call in refused)
        {
            Assert.InRange((await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call)).RetryAfter!.Value.TotalSeconds, 6, 6.02);
        }

        for (int i = 0; i < 5; i++)
        {
            await pool.AdvanceAsync(1);
        }

        await Task.WhenAll(calls.Except(refused));
        Assert.Equal(18, pool.Calls.Sum());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LearnedWindows_QueueWhatWillBeServedInTime_AndRefuseTheRestAtOnce(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromSeconds(35));
        LimitOf(pool, limit: 10, window: 10);
        await LearnAsync(pool, streaming, limit: 10);
        Task<string>[] calls = [.. Enumerable.Range(0, 100).Select(_ => pool.AskAsync(streaming))];
        Task<string>[] refused = [.. calls.Where(call => call.IsFaulted)];
        int asked = pool.Calls.Sum();

        // Three windows begin within the patience of 35 s; a place is kept free for a look.
        Assert.InRange(pool.Waiting, 28, 31);
        foreach (Task<string> call in refused)
        {
            EndpointsExhaustedException exception = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call);
            Assert.Equal(429, exception.Status);
            Assert.InRange(exception.RetryAfter!.Value.TotalSeconds, 35.01, 45);
        }

        Assert.Equal(asked, pool.Calls.Sum());
        for (int i = 0; i < 35; i++)
        {
            await pool.AdvanceAsync(1);
        }

        string[] answers = await Task.WhenAll(calls.Except(refused));
        Assert.All(answers, answer => Assert.Equal("a", answer));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task QueueNotEmptyForThirtySeconds_QueuesNewCallsForHalfOfMaxWait(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromSeconds(20.5), (_, entry) => entry.RequestsPerMinute = 60);
        List<Task<string>> calls = [.. Enumerable.Range(0, 21).Select(_ => pool.AskAsync(streaming))];
        Assert.Equal(20, pool.Waiting);
        for (int second = 1; second < 30; second++)
        {
            await pool.AdvanceAsync(1);
            calls.Add(pool.AskAsync(streaming));
            Assert.Equal(20, pool.Waiting);
        }

        await pool.AdvanceAsync(1);
        Assert.InRange((await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming))).RetryAfter!.Value.TotalSeconds, 20, 20.02);
        for (int second = 0; second < 9; second++)
        {
            await pool.AdvanceAsync(1);
            await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        }

        await pool.AdvanceAsync(1);
        calls.Add(pool.AskAsync(streaming));
        Assert.Equal(10, pool.Waiting);
        for (int second = 0; second < 10; second++)
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

    /// <summary>The only endpoint takes so many calls in each window of so many seconds, and says when the next begins.</summary>
    private static void LimitOf(FakePool pool, int limit, double window)
    {
        int taken = 0;
        long current = -1;
        FakeChatClient client = pool.Clients[0];
        Lock judging = new();
        Exception? Judge()
        {
            // Calls that leave the line together come on threads of their own.
            lock (judging)
            {
                double seconds = (pool.Time.GetUtcNow() - Clocks.Start).TotalSeconds;
                long now = (long)(seconds / window);
                taken = now == current ? taken : 0;
                current = now;
                return ++taken <= limit ? null : FakeFailure.RateLimited(TimeSpan.FromSeconds(((now + 1) * window) - seconds));
            }
        }

        client.OnCall = (_, _, _) => Judge() is { } failure ? Task.FromException<ChatResponse>(failure) : Task.FromResult(FakeChatClient.Answer(client.Name));
        client.OnStream = (_, _, token) => Judge() is { } failure ? FakeChatClient.Failing(failure) : FakeChatClient.Updates(token, client.Name);
    }

    /// <summary>Overloads it for three windows, so that its limit is known and confirmed, and lets the line drain.</summary>
    private static async Task LearnAsync(FakePool pool, bool streaming, int limit)
    {
        List<Task<string>> calls = [.. Enumerable.Range(0, 3 * limit).Select(_ => pool.AskAsync(streaming))];
        for (int i = 0; i < 32; i++)
        {
            await pool.AdvanceAsync(1);
        }

        await Task.WhenAll(calls);
        calls = [.. Enumerable.Range(0, limit + 1).Select(_ => pool.AskAsync(streaming))];
        await pool.AdvanceAsync(0.1);
        for (int i = 0; i < 10; i++)
        {
            await pool.AdvanceAsync(1);
        }

        await Task.WhenAll(calls);
    }
}
