using System.Diagnostics;
using System.Globalization;
using AzureOpenAI.RoundRobin.Scenarios.Clients;
using AzureOpenAI.RoundRobin.Scenarios.Load;
using AzureOpenAI.RoundRobin.Scenarios.Reporting;
using AzureOpenAI.RoundRobin.Scenarios.Server;

namespace AzureOpenAI.RoundRobin.Scenarios.FleetS;

/// <summary>Runs the part over HTTP.</summary>
internal static class FleetTable
{
    /// <param name="arguments">Which scenarios and clients.</param>
    /// <param name="tell">Takes the table line by line; progress goes to the standard error.</param>
    /// <returns>For each scenario whether our client reached its target.</returns>
    public static async Task<IReadOnlyList<TargetLine>> RunAsync(Arguments arguments, Action<string> tell)
    {
        Stopwatch taken = Stopwatch.StartNew();
        List<TargetLine> targets = [];
        await using ServerProcess server = ServerProcess.Start();
        using RefusedConnections refused = new();
        CellRunner runner = new(server, refused, arguments.IsAlone);
        Contestant[] clients = [.. Contestant.Everyone.Where(contestant => arguments.WantsClient(contestant.Name))];
        foreach (Scenario scenario in WarmUp.Scenarios)
        {
            await runner.RunAsync(scenario, clients);
        }

        tell(ResultTable.Header);
        foreach (Scenario scenario in Catalogue.All.Where(scenario => arguments.Wants(scenario.Name)))
        {
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[{taken.Elapsed.TotalSeconds,4:0} s] {scenario.Name}: {scenario.What}"));
            IReadOnlyList<CellResult> results = await runner.RunAsync(arguments.IsQuick ? Halved(scenario) : scenario, [.. scenario.Contestants.Intersect(clients)]);
            foreach (CellResult result in results)
            {
                tell(ResultTable.Row(result));
                foreach (string line in arguments.ShowsTimeline ? ResultTable.Timeline(result) : [])
                {
                    Console.Error.WriteLine(line);
                }

                if (result.Client == scenario.Judged.Name)
                {
                    targets.Add(ResultTable.Verdict(result, results));
                    Console.Error.WriteLine(targets[^1]);
                }
            }
        }

        return targets;
    }

    private static Scenario Halved(Scenario scenario)
    {
        LoadPlan load = scenario.Load;
        return scenario with { Load = load with { Seconds = load.Seconds / 2, AtOnce = load.AtOnce / 2 } };
    }
}
