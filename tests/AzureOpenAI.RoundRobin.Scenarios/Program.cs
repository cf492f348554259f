using System.Diagnostics;
using System.Globalization;
using AzureOpenAI.RoundRobin.Scenarios;
using AzureOpenAI.RoundRobin.Scenarios.CapacityMap;
using AzureOpenAI.RoundRobin.Scenarios.FleetS;
using AzureOpenAI.RoundRobin.Scenarios.Processes;
using AzureOpenAI.RoundRobin.Scenarios.RealLatencies;
using AzureOpenAI.RoundRobin.Scenarios.Reporting;
using AzureOpenAI.RoundRobin.Scenarios.Responses;
using AzureOpenAI.RoundRobin.Scenarios.Server;

if (Arguments.Parse(args) is not { } arguments)
{
    Console.Error.WriteLine(Arguments.Usage);
    return 2;
}

if (arguments.Serves)
{
    await ServerLoop.RunAsync();
    return 0;
}

if (arguments.IsCaller)
{
    await CallerLoop.RunAsync();
    return 0;
}

if (arguments.IsRedis)
{
    RedisProcess.Serve(arguments.Redis!);
    return 0;
}

if (arguments.MeasuresFacts)
{
    await FactsProgram.RunAsync(arguments);
    return 0;
}

if (arguments.Processes.Count > 0)
{
    await ProcessProgram.RunAsync(args, arguments);
    return 0;
}

if (arguments.IsMapWorker)
{
    await MapProcess.ServeAsync(arguments);
    return 0;
}

if (arguments.IsMap)
{
    return await MapProgram.RunAsync(args, arguments);
}

if (arguments.Simulates)
{
    await SimulationProcess.ServeAsync(arguments);
    return 0;
}

if (arguments.Lists)
{
    foreach (Scenario scenario in Catalogue.All)
    {
        Console.WriteLine($"{scenario.Name,-30} {scenario.What}. Target: {scenario.Target}");
    }

    foreach (SimulatedScenario scenario in SimulatedCatalogue.All)
    {
        Console.WriteLine($"{scenario.Name,-30} {scenario.What}. Target: {scenario.Target}");
    }

    foreach (ResponsesRow row in ResponsesCatalogue.All)
    {
        Console.WriteLine($"{row.Name,-30} {row.What}. Target: 0 {row.Bad}");
    }

    return 0;
}

Stopwatch taken = Stopwatch.StartNew();
List<string> overHttp = [];
List<string> simulated = [];
List<string> responses = [];
List<TargetLine> targets = [];
if (Catalogue.All.Any(scenario => arguments.Wants(scenario.Name)))
{
    targets.AddRange(await FleetTable.RunAsync(arguments, row => Tell(overHttp, row)));
    Console.WriteLine();
}

if (SimulatedCatalogue.All.Any(scenario => arguments.Wants(scenario.Name)))
{
    targets.AddRange(await SimulationProcess.RunAsync(args, row => Tell(simulated, row)));
    Console.WriteLine();
}

if (ResponsesCatalogue.All.Any(row => arguments.Wants(row.Name)))
{
    targets.AddRange(await ResponsesTable.RunAsync(arguments, row => Tell(responses, row)));
    Console.WriteLine();
}

if (targets.Count > 0)
{
    Console.WriteLine(TargetLine.Header);
    targets.ForEach(Console.WriteLine);
    Console.WriteLine();
}

Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{taken.Elapsed.TotalSeconds:0} s on {ResultFile.Machine}, {DateTime.UtcNow:yyyy-MM-dd}."));
if ((arguments.Out ?? (arguments.IsWhole ? ResultFile.Default : null)) is { } path)
{
    await ResultFile.WriteAsync("Scenarios", path, args, taken.Elapsed, targets, ("Over HTTP", overHttp), ("In simulated time", simulated), ("The Responses API", responses));
}

return 0;

static void Tell(List<string> table, string row)
{
    table.Add(row);
    Console.WriteLine(row);
}
