using AzureOpenAI.RoundRobin.Scenarios.Clients;
using AzureOpenAI.RoundRobin.Scenarios.Load;
using AzureOpenAI.RoundRobin.Scenarios.Server;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.FleetS;

/// <summary>Runs cells: each has a fleet and a client of its own, so the cells of a scenario run side by side unless they are heavy.</summary>
internal sealed class CellRunner(ServerProcess server, RefusedConnections refused, bool oneAtATime)
{
    private int _lastCell;

    public async Task<IReadOnlyList<CellResult>> RunAsync(Scenario scenario, IReadOnlyList<Contestant> contestants)
    {
        if (!oneAtATime && !scenario.IsHeavy)
        {
            return await Task.WhenAll(contestants.Select(contestant => RunAsync(scenario, contestant)));
        }

        List<CellResult> results = [];
        foreach (Contestant contestant in contestants)
        {
            results.Add(await RunAsync(scenario, contestant));
        }

        return results;
    }

    public async Task<CellResult> RunAsync(Scenario scenario, Contestant contestant)
    {
        int cell = Interlocked.Increment(ref _lastCell);
        IReadOnlyList<Address> addresses = await server.StartFleetAsync(cell, new FleetSpec(scenario.Fleet, Seed: 1));
        using IChatClient client = contestant.Create(addresses, scenario.Patience);
        await server.BeginAsync(cell);
        LoadDriver driver = new(client, scenario.Load, cell);
        IReadOnlyList<CallRecord> records = await driver.RunAsync();
        IReadOnlyList<ResourceReport> ledger = await server.EndAsync(cell);
        double[] lateness = [.. driver.Lateness.Order()];
        return new CellResult(
            scenario, contestant.Name, records, ledger, [.. addresses.Select(address => refused.At(address.Endpoint.Port))],
            lateness.Length == 0 ? 0 : 1000 * lateness[(int)(0.99 * (lateness.Length - 1))]);
    }
}
