using System.Diagnostics;
using AzureOpenAI.RoundRobin.Scenarios.Reporting;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>The part in simulated time, which has a process of its own because it needs a thread pool of one thread.</summary>
internal static class SimulationProcess
{
    /// <summary>In the process that was asked to: runs the part, and returns its table's rows line by line.</summary>
    public static async IAsyncEnumerable<string> RunAsync(string[] line)
    {
        ProcessStartInfo start = SelfStart.With(["--simulate", .. line]);
        start.RedirectStandardOutput = true;
        start.Environment.Add(VirtualDriver.Environment);
        using Process process = Process.Start(start)!;
        while (await process.StandardOutput.ReadLineAsync() is { } row)
        {
            yield return row;
        }

        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException("The part in simulated time failed.");
        }
    }

    /// <summary>In its own process: writes the rows to the standard output.</summary>
    public static async Task ServeAsync(Arguments arguments)
    {
        VirtualDriver.TakeOneThread();
        // From here on everything runs on the pool's one thread.
        await Task.Yield();
        foreach (SimulatedScenario scenario in SimulatedCatalogue.All.Where(scenario => arguments.Wants(scenario.Name)))
        {
            Stopwatch taken = Stopwatch.StartNew();
            foreach (SimulatedContestant contestant in SimulatedContestant.All.Where(contestant => arguments.WantsClient(contestant.Name)))
            {
                SimulatedResult result = await new SimulatedRunner(arguments.IsQuick ? scenario with { Seconds = scenario.Seconds / 2 } : scenario, contestant).RunAsync();
                await Console.Out.WriteLineAsync(SimulatedTable.Row(result));
                if (contestant == SimulatedContestant.All[0])
                {
                    await Console.Error.WriteLineAsync($"         {scenario.Name}: ours: {SimulatedTable.Verdict(result)} (target: {scenario.Target})");
                }
            }

            await Console.Error.WriteLineAsync($"         {scenario.Name}: {taken.ElapsedMilliseconds} ms");
        }
    }
}
