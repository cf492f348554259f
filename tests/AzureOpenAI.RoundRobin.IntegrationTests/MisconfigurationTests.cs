using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Keys that are wrong, and keys that are mended while the app runs.</summary>
public sealed class MisconfigurationTests
{
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_pool_whose_every_key_is_wrong_says_so_at_the_first_call(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"], setup => setup.Time = _time);
        ReplaceKeys(fleet, resource => $"another-key-of-{resource.Name}");

        EndpointsExhaustedException exception = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => fleet.AskAsync(streaming));

        Assert.Equal(401, exception.Status);
        Assert.Equal(["east", "north", "west"], exception.Attempts.Select(attempt => attempt.EndpointName).Order());
        Assert.StartsWith("Every endpoint refuses its key or credential", exception.Message, StringComparison.Ordinal);
        Assert.All(["'east'", "'west'", "'north'"], name => Assert.Contains(name, exception.Message, StringComparison.Ordinal));
        Assert.Equal(3, fleet.Attempts());

        // Later calls say the same, and do not knock for it.
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(3, (await Assert.ThrowsAsync<EndpointsExhaustedException>(() => fleet.AskAsync(streaming))).Attempts.Count);
        }

        Assert.Equal(3, fleet.Attempts());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task It_recovers_without_a_restart_once_the_keys_are_right(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = _time);
        Dictionary<string, string> right = fleet.Azure.Resources.ToDictionary(resource => resource.Name, resource => resource.ApiKey);
        ReplaceKeys(fleet, resource => $"another-key-of-{resource.Name}");
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => fleet.AskAsync(streaming));

        ReplaceKeys(fleet, resource => right[resource.Name]);
        _time.Advance(1.5.Seconds());
        Assert.Equal("hello", (await fleet.AskAsync(streaming)).Text.Split(' ')[1]);

        _time.Advance(15.Seconds());
        await fleet.AskAsync(streaming, times: 60);
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal(EndpointState.Healthy, status.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task One_wrong_key_costs_a_call_and_loses_none(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"], setup => setup.Time = _time);
        string right = fleet["west"].ApiKey;
        fleet["west"].ReplaceKey("a-key-that-nobody-was-told");

        for (int i = 0; i < 60; i++)
        {
            Assert.NotEqual("west", (await fleet.AskAsync(streaming)).Endpoint);
        }

        Assert.Equal(1, fleet.Attempts("west"));
        Assert.Equal(EndpointFailureReason.CredentialRefused, fleet.StatusOf("west").Reason);

        fleet["west"].ReplaceKey(right);
        _time.Advance(10.5.Seconds());
        fleet.Ledger.Clear();
        await fleet.AskAsync(streaming, times: 90);
        Assert.InRange(fleet.Attempts("west"), 24, 36);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task In_a_busy_pool_a_wrong_key_costs_a_few_calls(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"]);
        fleet["west"].ReplaceKey("a-key-that-nobody-was-told");
        await fleet.AskAsync(streaming, times: 3);

        await Parallel.ForEachAsync(Enumerable.Range(0, 100), TestContext.Current.CancellationToken, async (_, _) => await fleet.AskAsync(streaming));

        Assert.InRange(fleet.Attempts("west"), 1, 3);
    }

    private static void ReplaceKeys(Fleet fleet, Func<SimulatedResource, string> key)
    {
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            resource.ReplaceKey(key(resource));
        }
    }
}
