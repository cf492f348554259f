using System.Diagnostics;
using AzureOpenAI.RoundRobin.Scenarios.Reporting;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>The part in simulated time, which has a process of its own because it needs a thread pool of one thread.</summary>
internal static class SimulationProcess
{
    private const string TargetPrefix = "target:";

    /// <summary>In the process that was asked to: runs the part.</summary>
    /// <param name="line">The command line.</param>
    /// <param name="tell">Takes the table line by line.</param>
    /// <returns>For each scenario whether our client reached its target.</returns>
    public static async Task<IReadOnlyList<TargetLine>> RunAsync(string[] line, Action<string> tell)
    {
        List<TargetLine> targets = [];
        tell(SimulatedTable.Header);
        ProcessStartInfo start = SelfStart.With(["--simulate", .. line]);
        start.RedirectStandardOutput = true;
        start.Environment.Add(VirtualDriver.Environment);
        using Process process = Process.Start(start)!;
        while (await process.StandardOutput.ReadLineAsync() is { } row)
        {
            if (row.StartsWith(TargetPrefix, StringComparison.Ordinal))
            {
                targets.Add(TargetLine.Read(row[TargetPrefix.Length..]));
                Console.Error.WriteLine(targets[^1]);
            }
            else
            {
                tell(row);
            }
        }

        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? targets : throw new InvalidOperationException("The part in simulated time failed.");
    }

    /// <summary>In its own process: writes the rows to the standard output.</summary>
    public static async Task ServeAsync(Arguments arguments)
    {
        VirtualDriver.TakeOneThread();
        // From here on everything runs on the pool's one thread.
        await Task.Yield();
        foreach (SimulatedScenario scenario in SimulatedCatalogue.All.Where(scenario => arguments.Wants(scenario.Name)))
        {
            List<SimulatedResult> results = [];
            foreach (SimulatedContestant contestant in SimulatedContestant.All.Where(contestant => arguments.WantsClient(contestant.Name) && scenario.Contestants?.Contains(contestant.Name) != false))
            {
                SimulatedResult result = await new SimulatedRunner(arguments.IsQuick ? scenario with { Seconds = scenario.Seconds / 2 } : scenario, contestant).RunAsync();
                results.Add(result);
                await Console.Out.WriteLineAsync(SimulatedTable.Row(result));
                foreach (string row in arguments.ShowsTimeline ? SimulatedTable.Timeline(result) : [])
                {
                    await Console.Error.WriteLineAsync(row);
                }
            }

            if (results.Find(result => result.Client == SimulatedContestant.All[0].Name) is { } ours)
            {
                await Console.Out.WriteLineAsync($"{TargetPrefix}{SimulatedTable.Verdict(ours, results)}");
            }
        }
    }
}
