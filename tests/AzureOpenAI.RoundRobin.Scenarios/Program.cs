using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using AzureOpenAI.RoundRobin.Scenarios;
using AzureOpenAI.RoundRobin.Scenarios.FleetS;
using AzureOpenAI.RoundRobin.Scenarios.RealLatencies;
using AzureOpenAI.RoundRobin.Scenarios.Reporting;
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

if (arguments.Simulates)
{
    await SimulationProcess.ServeAsync(arguments);
    return 0;
}

if (arguments.Lists)
{
    foreach (Scenario scenario in Catalogue.All)
    {
        Console.WriteLine($"{scenario.Name,-20} {scenario.What}. Target: {scenario.Target}");
    }

    foreach (SimulatedScenario scenario in SimulatedCatalogue.All)
    {
        Console.WriteLine($"{scenario.Name,-20} {scenario.What}. Target: {scenario.Target}");
    }

    return 0;
}

Stopwatch taken = Stopwatch.StartNew();
List<string> lines = [];
List<string> targets = [];
if (Catalogue.All.Any(scenario => arguments.Wants(scenario.Name)))
{
    targets.AddRange(await FleetTable.RunAsync(arguments, Tell));
    Tell("");
}

if (SimulatedCatalogue.All.Any(scenario => arguments.Wants(scenario.Name)))
{
    targets.AddRange(await SimulationProcess.RunAsync(args, Tell));
    Tell("");
}

if (targets.Count > 0)
{
    Tell(TargetLine.Header);
    targets.ForEach(Tell);
    Tell("");
}

Tell(string.Create(
    CultureInfo.InvariantCulture,
    $"{taken.Elapsed.TotalSeconds:0} s on {Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, .NET {Environment.Version}, {DateTime.UtcNow:yyyy-MM-dd}."));
if (arguments.Out is { } path)
{
    await File.WriteAllLinesAsync(path, lines);
}

return 0;

void Tell(string line)
{
    lines.Add(line);
    Console.WriteLine(line);
}
