using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Probes take a token from one bucket per pool.</summary>
[Trait("Rule", "5.4")]
public class RetryBudgetBoundsProbesTests
{
    [Theory]
    [InlineData(null, false)]
    [InlineData(null, true)]
    // With a limit each pick looks under the lock, whether a probe is due or not.
    [InlineData(600_000, false)]
    [InlineData(600_000, true)]
    public async Task EndpointsThatKeepFailing_ProbesAreBoundedByTheBudget(int? requestsPerMinute, bool streaming)
    {
        using FakePool pool = new(26, endpoint: (_, entry) => entry.RequestsPerMinute = requestsPerMinute);
        foreach (FakeChatClient client in pool.Clients[..25])
        {
            client.Fails = FakeFailure.Refused();
        }

        while (pool.Clients[..25].Any(client => client.Calls == 0))
        {
            await pool.AskAsync(streaming);
        }

        int before = pool.Calls[..25].Sum();
        Assert.Equal(25, before);

        pool.Time.Advance(TimeSpan.FromSeconds(1));
        for (int i = 0; i < 25; i++)
        {
            Assert.Equal("z", await pool.AskAsync(streaming));
        }

        // Ten at once, and one more for every five turns.
        Assert.InRange(pool.Calls[..25].Sum() - before, 10, 10 + (2 * 25 / 5));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TwoModels_ShareOneBudget(bool streaming)
    {
        using FakePool pool = new(26, endpoint: (_, entry) =>
        {
            entry.DeploymentName = "small";
            entry.Deployments["large"] = "large";
        });
        foreach (FakeChatClient client in pool.Clients[..25])
        {
            client.Fails = FakeFailure.Refused();
        }

        Microsoft.Extensions.AI.ChatOptions large = new() { ModelId = "large" };
        while (pool.Pool.GetStatus().Count(status => status.State == EndpointState.Unavailable) < 50)
        {
            Assert.Equal("zz", await pool.AskAsync(streaming) + await pool.AskAsync(streaming, large));
        }

        int before = pool.Calls[..25].Sum();
        Assert.Equal("zzz", await pool.AskManyAsync(3, streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        for (int i = 0; i < 25; i++)
        {
            Assert.Equal("zz", await pool.AskAsync(streaming) + await pool.AskAsync(streaming, large));
        }

        Assert.InRange(pool.Calls[..25].Sum() - before, 10, 10 + (2 * 50 / 5));
    }
}
