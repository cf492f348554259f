using System.Diagnostics;
using System.Globalization;
using AzureOpenAI.RoundRobin.Scenarios.Clients;
using AzureOpenAI.RoundRobin.Scenarios.Load;
using AzureOpenAI.RoundRobin.Scenarios.Reporting;
using AzureOpenAI.RoundRobin.Scenarios.Server;

namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>The part with several processes as a program.</summary>
internal static class ProcessProgram
{
    /// <summary>More are pools of their own in <see cref="FewProcesses"/>: what so many processes cost to start would be all that two cores do.</summary>
    private const int MostProcesses = 16;

    private const int FewProcesses = 4;

    private const string Header = """
        | scenario | client | processes | calls | failed % | attempts per success | worst share % | goodput a second | calls to the bad | p99 ms | longest ms | late ms | failures of the worst |
        |---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|
        """;

    public static async Task RunAsync(string[] line, Arguments arguments)
    {
        Stopwatch taken = Stopwatch.StartNew();
        List<string> rows = [Header];
        List<TargetLine> targets = [];
        Console.WriteLine(Header);
        await using ServerProcess server = ServerProcess.Start();
        await using RedisProcess? redis = arguments.Shares ? await RedisProcess.StartAsync(arguments.Redis) : null;
        IReadOnlyList<Address> practice = await server.StartFleetAsync(0, new FleetSpec([.. ProcessCatalogue.Practice], Seed: 1));
        await server.BeginAsync(0);
        int cell = 0;
        foreach (ProcessScenario scenario in ProcessCatalogue.All.Where(scenario => arguments.Wants(scenario.Name)))
        {
            foreach (int processes in arguments.Processes)
            {
                // It asks no Redis, so what happens to that leaves it the figures of the same load without a fault.
                if (scenario.RedisFault is null && ProcessOracle.Of(scenario, processes) is { } oracle)
                {
                    rows.Add(Row(scenario, processes, oracle));
                    Console.WriteLine(rows[^1]);
                }
            }

            foreach (string client in arguments.Clients.DefaultIfEmpty(Contestant.Ours.Name))
            {
                foreach ((int processes, bool shares) in arguments.Processes.SelectMany(static processes => (bool[])[false, true], static (processes, shares) => (processes, shares)).Where(row => Runs(scenario, client, row.shares, redis)))
                {
                    ProcessResult result = await RunAsync(server, ++cell, scenario, client, processes, practice, shares ? redis : null);
                    rows.Add(Row(result));
                    Console.WriteLine(rows[^1]);
                    if (client == Contestant.Ours.Name)
                    {
                        targets.Add(new TargetLine(
                            string.Create(CultureInfo.InvariantCulture, $"{scenario.Name}, {processes}{(shares ? " with Redis" : "")}"), scenario.What, scenario.Target, scenario.Misses(result)));
                    }
                }
            }
        }

        Console.WriteLine($"\n{TargetLine.Header}\n{string.Join('\n', targets)}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\n{taken.Elapsed.TotalSeconds:0} s on {ResultFile.Machine}."));
        if (arguments.Out is { } path)
        {
            await ResultFile.WriteAsync(redis is null ? "Processes without sharing" : "Processes, without and with Redis", path, line, taken.Elapsed, targets, ("Processes", rows));
        }
    }

    /// <summary>What is done to Redis needs one of our own.</summary>
    private static bool Runs(ProcessScenario scenario, string client, bool shares, RedisProcess? redis) => shares
        ? client == Contestant.Ours.Name && redis is not null && (scenario.RedisFault is null || redis.IsOwn)
        : scenario.RedisFault is null;

    private static async Task<ProcessResult> RunAsync(
        ServerProcess server, int cell, ProcessScenario scenario, string client, int processes, IReadOnlyList<Address> practice, RedisProcess? redis)
    {
        IReadOnlyList<Address> fleet = await server.StartFleetAsync(cell, new FleetSpec(scenario.Fleet, Seed: 1));
        int[]? limits = scenario.IsConfigured ? [.. scenario.Fleet.Select(static resource => 60 * resource.PerSecond!.Value)] : null;
        // The SDK's retries would wait for as long as the one that refuses says.
        int unpractised = scenario.IsFirstFailure || client != Contestant.Ours.Name ? 1 : 0;
        await using LateAnswers? late = redis is not null && scenario.RedisFault is { Kind: RedisFaultKind.Late } ? new(redis.Address) : null;
        List<CallerProcess> callers = [];
        try
        {
            CallerSpec[] specs = [.. Enumerable.Range(0, processes)
                .Select(i => new CallerSpec(
                    client, fleet, [.. practice.Skip(unpractised)], Load(scenario, i, processes), i, scenario.AtOnce > 0 ? 0 : i / ProcessScenario.PerSecond, scenario.Life, late?.Address ?? redis?.Address, $"cell-{cell}", limits))];
            foreach (CallerSpec[] some in specs.Chunk(processes <= MostProcesses ? 1 : (processes + FewProcesses - 1) / FewProcesses))
            {
                callers.Add(await CallerProcess.StartAsync(some));
            }

            await server.BeginAsync(cell);
            await Task.WhenAll(callers.Select(caller => caller.BeginAsync()));
            Task spoiling = redis is null || scenario.RedisFault is not { } fault ? Task.CompletedTask : late?.SpoilAsync(fault) ?? redis.SpoilAsync(fault);
            CallerReport[][] reports = await Task.WhenAll(callers.Select(caller => caller.EndAsync()));
            await spoiling;
            return new ProcessResult(scenario, client, redis is not null, [.. reports.SelectMany(static some => some)], await server.EndAsync(cell));
        }
        finally
        {
            callers.ForEach(caller => caller.Dispose());
        }
    }

    private static LoadPlan Load(ProcessScenario scenario, int process, int processes) => new()
    {
        PerSecond = ProcessScenario.PerSecond / processes,
        Seconds = ProcessScenario.Seconds,
        AtOnce = (scenario.AtOnce / processes) + (process < scenario.AtOnce % processes ? 1 : 0),
        PatienceSeconds = scenario.PatienceSeconds,
    };

    private static string Row(ProcessScenario scenario, int processes, ProcessOracle oracle) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {scenario.Name} | oracle | {processes} | {oracle.Calls} | {oracle.FailedPercent:0.0} | 1.00 | | {oracle.AnsweredPerSecond:0.0} | 0 | {oracle.P99:0} | {oracle.Longest:0} | | |");

    private static string Row(ProcessResult result)
    {
        CallerReport worst = result.Reports.MinBy(report => report.Right)!;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"| {result.Scenario.Name} | {result.Client}{(result.Shares ? " with Redis" : "")} | {result.Processes} | {result.Calls} | {result.FailedPercent:0.0} | {result.AttemptsPerSuccess:0.00} | {result.WorstSharePercent:0} | {result.GoodputPercent(100):0.0} | {result.BadAttempts} | {result.P99:0} | {result.Longest:0} | {(result.Scenario.AtOnce > 0 ? "" : $"{result.Reports.Max(report => report.LateMilliseconds):0}")} | {worst.Failures} |");
    }
}
