using AzureOpenAI.RoundRobin.Scenarios.Clients;
using AzureOpenAI.RoundRobin.Scenarios.Load;
using AzureOpenAI.RoundRobin.Scenarios.Server;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.FleetS;

/// <summary>Runs cells: each has a fleet and a client of its own, so the cells of a scenario run side by side, as many as it allows.</summary>
internal sealed class CellRunner(ServerProcess server, RefusedConnections refused, bool oneAtATime)
{
    private int _lastCell;

    public async Task<IReadOnlyList<CellResult>> RunAsync(Scenario scenario, IReadOnlyList<Contestant> contestants)
    {
        List<CellResult> results = [];
        foreach (Contestant[] abreast in contestants.Chunk(oneAtATime ? 1 : scenario.SideBySide))
        {
            results.AddRange(await Task.WhenAll(abreast.Select(contestant => RunAsync(scenario, contestant))));
        }

        return results;
    }

    public async Task<CellResult> RunAsync(Scenario scenario, Contestant contestant)
    {
        int cell = Interlocked.Increment(ref _lastCell);
        IReadOnlyList<Address> addresses = await server.StartFleetAsync(cell, new FleetSpec(scenario.Fleet, Seed: 1));
        using IChatClient client = contestant.Create(addresses, scenario.Patience);
        // Ports come again, from cell to cell.
        int[] before = [.. addresses.Select(address => refused.At(address.Endpoint.Port))];
        await server.BeginAsync(cell);
        LoadDriver driver = new(client, () => contestant.Create(addresses, scenario.Patience), scenario.Load, cell);
        IReadOnlyList<CallRecord> records = await driver.RunAsync();
        IReadOnlyList<ResourceReport> ledger = await server.EndAsync(cell);
        double[] lateness = [.. driver.Lateness.Order()];
        return new CellResult(
            scenario, contestant.Name, records, ledger, [.. addresses.Select((address, i) => refused.At(address.Endpoint.Port) - before[i])],
            lateness.Length == 0 ? 0 : 1000 * lateness[(int)(0.99 * (lateness.Length - 1))]);
    }
}
