using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>The first rejection of an endpoint whose limit is not known: its pace is what it has taken within the last second.</summary>
[Trait("Rule", "4")]
public class UnexpectedRejectionTests
{
    [Fact]
    public async Task UnexpectedRejection_IsEstimatedFromRecentAnswers()
    {
        // Four a second each, one after the other.
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        pool.Clients[1].Hold();
        for (int call = 0; call < 240; call++)
        {
            Task<string>[] calls = [.. Enumerable.Range(0, 2).Select(_ => pool.AskAsync())];
            Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static held => held.Answer()));
            await Task.WhenAll(calls);
            pool.Time.Advance(TimeSpan.FromMilliseconds(250));
        }

        Task<string> rejected = pool.AskAsync();
        Task<string> answered = pool.AskAsync();
        pool.Clients[0].Held[^1].Fail(FakeFailure.Status(429, ("retry-after-ms", "500")));

        pool.Time.Advance(TimeSpan.FromMilliseconds(500));
        int before = pool.Clients[0].Calls;
        Task<string>[] burst = [.. Enumerable.Range(0, 100).Select(_ => pool.AskAsync())];
        Assert.Equal(1, pool.Clients[0].Calls - before);
        Assert.InRange(PaceOf(pool), 4, 6);
        Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static held => held.Answer()));
        await Task.WhenAll([rejected, answered, .. burst]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task UnexpectedRejection_IsEstimatedFromCallsInFlightToo_OfTheLastSecond(int rejected)
    {
        // Twenty more than a second ago, and ten since, of which some are rejected at one moment.
        using FakePool pool = new(2, endpoint: (i, entry) => entry.Weight = 1 + i);
        pool.Clients[0].Hold();
        pool.Clients[1].Hold();
        Task<string>[] calls = Ask(60);
        pool.Time.Advance(TimeSpan.FromMilliseconds(700));
        calls = [.. calls, .. Ask(30)];
        pool.Time.Advance(TimeSpan.FromMilliseconds(301));
        Array.ForEach(pool.Clients[0].Held[^rejected..], static held => held.Fail(FakeFailure.Status(429, ("retry-after-ms", "500"))));

        pool.Time.Advance(TimeSpan.FromMilliseconds(500));
        calls = [.. calls, .. Ask(3)];
        Assert.InRange(PaceOf(pool), 10, 10.1);
        Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static held => held.Answer()));
        await Task.WhenAll(calls);

        Task<string>[] Ask(int count) => [.. Enumerable.Range(0, count).Select(_ => pool.AskAsync())];
    }

    /// <summary>The calls a second at which the first endpoint goes, of which it has just taken one.</summary>
    private static double PaceOf(FakePool pool)
    {
        long now = pool.Time.GetTimestamp();
        return 1 / pool.Time.Until(now, pool.EndpointAt(0).RoomAt(now)).TotalSeconds;
    }
}
