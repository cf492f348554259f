using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

public sealed class EvennessTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Parallel_calls_spread_exactly_evenly(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"]);

        await Parallel.ForEachAsync(
            Enumerable.Range(0, 400), new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = TestContext.Current.CancellationToken },
            async (_, _) => await fleet.AskAsync(streaming));

        int[] counts = [fleet.Attempts("east"), fleet.Attempts("west"), fleet.Attempts("north")];
        Assert.Equal(400, counts.Sum());
        Assert.InRange(counts.Max() - counts.Min(), 0, 1);
    }

    [Fact]
    public async Task Calls_and_streams_share_one_rotation()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"]);

        await Parallel.ForEachAsync(
            Enumerable.Range(0, 200), new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = TestContext.Current.CancellationToken },
            async (i, _) => await fleet.AskAsync(streaming: i % 3 == 0));

        int[] counts = [fleet.Attempts("east"), fleet.Attempts("west"), fleet.Attempts("north")];
        Assert.InRange(counts.Max() - counts.Min(), 0, 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Weights_are_kept_in_smooth_order(bool streaming)
    {
        Dictionary<string, int> weights = new() { ["east"] = 5, ["west"] = 1, ["north"] = 1 };
        await using Fleet fleet = await Fleet.StartAsync(weights.Keys, setup => setup.Endpoint = (resource, endpoint) => endpoint.Weight = weights[resource.Name]);

        await fleet.AskAsync(streaming, times: 14);

        Assert.Equal(
            ["east", "east", "west", "east", "north", "east", "east", "east", "east", "west", "east", "north", "east", "east"],
            fleet.Ledger.Snapshot().Select(entry => entry.Resource));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_load_of_an_endpoint_that_is_out_is_shared_evenly(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north", "south"]);
        fleet["west"].Faults.Add(Fault.Throttle(20.Seconds()));
        await fleet.AskAsync(streaming, times: 2);
        fleet.Ledger.Clear();

        await fleet.AskAsync(streaming, times: 30);

        Assert.Equal([10, 0, 10, 10], new[] { "east", "west", "north", "south" }.Select(fleet.Attempts));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_lower_priority_is_asked_only_while_none_above_it_is_fit(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(
            ["east", "west", "reserve"], setup => setup.Endpoint = (resource, endpoint) => endpoint.Priority = resource.Name == "reserve" ? 1 : 0);
        await fleet.AskAsync(streaming, times: 10);
        Assert.Equal([5, 5, 0], new[] { "east", "west", "reserve" }.Select(fleet.Attempts));

        fleet["east"].Faults.Add(Fault.Throttle(20.Seconds()));
        await fleet.AskAsync(streaming, times: 10);
        Assert.Equal(0, fleet.Attempts("reserve"));

        fleet["west"].Faults.Add(Fault.Throttle(20.Seconds()));
        Answer answer = await fleet.AskAsync(streaming);
        Assert.Equal("reserve", answer.Endpoint);
    }
}
