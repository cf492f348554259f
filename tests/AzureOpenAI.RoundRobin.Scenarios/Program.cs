using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using AzureOpenAI.RoundRobin.Scenarios;
using AzureOpenAI.RoundRobin.Scenarios.Clients;
using AzureOpenAI.RoundRobin.Scenarios.FleetS;
using AzureOpenAI.RoundRobin.Scenarios.Load;
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

Scenario[] wanted = [.. Catalogue.All.Where(scenario => arguments.Wants(scenario.Name))];
if (arguments.Lists || wanted.Length == 0)
{
    foreach (Scenario scenario in Catalogue.All)
    {
        Console.WriteLine($"{scenario.Name,-18} {scenario.What}. Target: {scenario.Target}");
    }

    return arguments.Lists ? 0 : 2;
}

Stopwatch taken = Stopwatch.StartNew();
List<CellResult> results = [];
await using ServerProcess server = ServerProcess.Start();
using RefusedConnections refused = new();
CellRunner runner = new(server, refused, arguments.IsAlone);
Contestant[] clients = [.. Contestant.All.Where(contestant => arguments.WantsClient(contestant.Name))];
foreach (Scenario scenario in WarmUp.Scenarios)
{
    await runner.RunAsync(scenario, clients);
}

Console.WriteLine(ResultTable.Header);
foreach (Scenario whole in wanted)
{
    Scenario scenario = arguments.IsQuick ? whole with { Load = whole.Load with { Seconds = whole.Load.Seconds / 2, AtOnce = whole.Load.AtOnce / 2 } } : whole;
    Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[{taken.Elapsed.TotalSeconds,4:0} s] {scenario.Name}: {scenario.What}"));
    foreach (CellResult result in await runner.RunAsync(scenario, [.. scenario.Contestants.Intersect(clients)]))
    {
        results.Add(result);
        Console.WriteLine(ResultTable.Row(result));
        if (result.Client == Contestant.Ours.Name)
        {
            Console.Error.WriteLine($"         ours: {ResultTable.Verdict(result)} (target: {scenario.Target})");
        }
    }
}

if (arguments.Out is { } path)
{
    await File.WriteAllLinesAsync(path, [ResultTable.Header, .. results.Select(ResultTable.Row)]);
}

Console.Error.WriteLine(string.Create(
    CultureInfo.InvariantCulture,
    $"{taken.Elapsed.TotalSeconds:0} s on {Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, .NET {Environment.Version}, {DateTime.UtcNow:yyyy-MM-dd}"));
return 0;
