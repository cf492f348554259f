using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Hundreds of calls and streams at once while everything fails now and then: each gets its own answer, once.</summary>
public sealed class StormTests
{
    private const int Calls = 400;

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(2026)]
    public async Task Every_answer_belongs_to_its_call(int seed)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north", "south"], setup =>
        {
            setup.IsV1 = seed % 2 == 0;
            setup.Simulator = options => options.Seed = seed;
        });
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            resource.Faults.Add(Fault.Status(500).WithProbability(0.05));
            resource.Faults.Add(Fault.Throttle(TimeSpan.FromMilliseconds(30)).WithProbability(0.05));
            resource.Faults.Add(Fault.Throttle(TimeSpan.FromMilliseconds(200)).WithProbability(0.02));
            resource.Faults.Add(Fault.ResetBeforeHeaders().WithProbability(0.03));
        }

        await AskAsync(fleet);

        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal(entry.Resource, entry.PresentedKey));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public async Task No_broken_answer_passes_for_one(int seed)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup =>
        {
            setup.IsV1 = seed % 2 == 0;
            setup.Simulator = options => options.Seed = seed;
        });

        // At one resource only: a call whose answer breaks at two is told so.
        Fault[] broken = [Fault.MalformedJson(), Fault.EmptyBody(), Fault.Html(), Fault.CutAfter(2), Fault.EndAfter(1), Fault.ErrorEventAfter(1)];
        foreach (Fault fault in broken)
        {
            fleet["east"].Faults.Add(fault.WithProbability(0.1));
        }

        await AskAsync(fleet);
    }

    [Fact]
    public async Task Two_pools_in_one_process_never_mix()
    {
        await using Fleet red = await Fleet.StartAsync(["east", "west"]);
        await using Fleet blue = await Fleet.StartAsync(["east", "west"]);
        red["east"].Faults.Add(Fault.Throttle(20.Seconds()));

        await Parallel.ForEachAsync(Enumerable.Range(0, 100), TestContext.Current.CancellationToken, async (i, _) =>
        {
            Fleet fleet = i % 2 == 0 ? red : blue;
            string prompt = $"{(fleet == red ? "red" : "blue")} {i}";
            Assert.EndsWith(prompt, (await fleet.AskAsync(streaming: i % 4 < 2, prompt)).Text, StringComparison.Ordinal);
        });

        Assert.All(red.Ledger.Snapshot(), entry => Assert.StartsWith("red", entry.LastUserText, StringComparison.Ordinal));
        Assert.All(blue.Ledger.Snapshot(), entry => Assert.StartsWith("blue", entry.LastUserText, StringComparison.Ordinal));
        Assert.Equal([25, 25], [blue.Attempts("east"), blue.Attempts("west")]);
        Assert.Equal(EndpointState.Unavailable, red.StatusOf("east").State);
    }

    private static async Task AskAsync(Fleet fleet)
    {
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Calls), new ParallelOptions { MaxDegreeOfParallelism = 32, CancellationToken = TestContext.Current.CancellationToken },
            async (i, _) =>
            {
                string prompt = $"<{Guid.NewGuid():N}> number {i}";
                Answer answer = await fleet.AskAsync(streaming: i % 2 == 0, prompt);
                Assert.Equal($"[{answer.Endpoint}] {prompt}", answer.Text);
                Assert.Equal(ChatFinishReason.Stop, answer.Response.FinishReason);
            });

        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal(0, status.InFlight));
        Assert.Equal(Calls, fleet.Pool.GetStatus().Sum(status => status.Answered));
        Assert.True(fleet.Attempts() > Calls);
    }
}
