using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>The first rejection of an endpoint whose limit is not known: the limit is estimated from what it has taken.</summary>
[Trait("Rule", "4")]
public class UnexpectedRejectionTests
{
    [Fact]
    public async Task UnexpectedRejection_IsEstimatedFromRecentAnswers()
    {
        // Four a second each. Half of a window of a second is over when it is shut, so it cannot have taken much more.
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        pool.Clients[1].Hold();
        for (int second = 0; second < 60; second++)
        {
            Task<string>[] calls = [.. Enumerable.Range(0, 8).Select(_ => pool.AskAsync())];
            Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static held => held.Answer()));
            await Task.WhenAll(calls);
            pool.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Task<string> rejected = pool.AskAsync();
        Task<string> answered = pool.AskAsync();
        pool.Clients[0].Held[^1].Fail(FakeFailure.Status(429, ("retry-after-ms", "500")));
        pool.Time.Advance(TimeSpan.FromMilliseconds(500));
        int before = pool.Clients[0].Calls;

        Task<string>[] burst = [.. Enumerable.Range(0, 100).Select(_ => pool.AskAsync())];

        Assert.InRange(pool.Clients[0].Calls - before, 1, 8);
        Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static held => held.Answer()));
        await Task.WhenAll([rejected, answered, .. burst]);
    }

    [Theory]
    [InlineData(1, 9)]
    [InlineData(4, 6)]
    public async Task UnexpectedRejection_IsEstimatedFromCallsInFlightToo_SinceItsWindowBegan(int rejected, int window)
    {
        // A window of a second is shut after half of it: the twenty before that say nothing, and of the ten since some are rejected.
        using FakePool pool = new(2, endpoint: (i, entry) => entry.Weight = 1 + i);
        pool.Clients[0].Hold();
        pool.Clients[1].Hold();
        Task<string>[] calls = Ask(60);
        pool.Time.Advance(TimeSpan.FromMilliseconds(700));
        calls = [.. calls, .. Ask(30)];
        Array.ForEach(pool.Clients[0].Held[^rejected..], static held => held.Fail(FakeFailure.Status(429, ("retry-after-ms", "500"))));
        pool.Time.Advance(TimeSpan.FromMilliseconds(500));
        int before = pool.Clients[0].Calls;

        calls = [.. calls, .. Ask(150)];

        Assert.InRange(pool.Clients[0].Calls - before, window, window + 1);
        Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static held => held.Answer()));
        await Task.WhenAll(calls);

        Task<string>[] Ask(int count) => [.. Enumerable.Range(0, count).Select(_ => pool.AskAsync())];
    }
}
