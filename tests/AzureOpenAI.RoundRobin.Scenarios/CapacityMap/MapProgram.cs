using System.Diagnostics;
using System.Globalization;
using AzureOpenAI.RoundRobin.Scenarios.Reporting;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>The map as a program: runs the cells, writes the tables, and says whether a target was missed.</summary>
internal static class MapProgram
{
    /// <returns>The exit code: 1 where our client missed a target, unless that is only to be reported.</returns>
    public static async Task<int> RunAsync(string[] line, Arguments arguments)
    {
        Stopwatch taken = Stopwatch.StartNew();
        Dictionary<string, MapCell> cells = (arguments.IsQuick ? MapCatalogue.Quick : MapCatalogue.All)
            .Where(cell => arguments.Only.TrueForAll(part => cell.Name.Contains(part, StringComparison.OrdinalIgnoreCase)))
            .ToDictionary(cell => cell.Name);
        int done = 0;
        IReadOnlyList<MapResult> results = await MapProcess.RunAsync(line, cells.Values, result =>
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Interlocked.Increment(ref done)}: {result.Client}, {result.Cell}: {result.Share:0.0} %, {result.Attempts:0.00} attempts, in {result.Took:0.0} s")));
        List<(string Heading, IReadOnlyList<string> Rows)> tables = [];
        foreach (IGrouping<string, MapResult> client in results.GroupBy(result => result.Client))
        {
            (MapCell Cell, MapResult Result)[] pairs = [.. cells.Values.Join(client, cell => cell.Name, result => result.Cell, (cell, result) => (cell, result))];
            tables.Add(($"{client.Key}, cells", [.. MapTable.Cells(pairs, client.Key == MapContestant.OursName)]));
            tables.Add(($"{client.Key}, by class", [.. MapTable.Summary("class", pairs, cell => MapTargets.Of(cell).Class)]));
            tables.Add(($"{client.Key}, by hint", [.. MapTable.Summary("hint", pairs.Where(pair => !pair.Cell.IsBurst), cell => cell.HintName)]));
            tables.Add(($"{client.Key}, by limiter", [.. MapTable.Summary("limiter", pairs.Where(pair => !pair.Cell.IsBurst), cell => cell.Limiter.Name)]));
            tables.Add(($"{client.Key}, over all but bursts", [.. MapTable.Summary("all", pairs.Where(pair => !pair.Cell.IsBurst), _ => "all")]));
        }

        TargetLine[] targets = [.. Judge(cells, results.Where(result => result.Client == MapContestant.OursName).ToArray())];
        foreach ((string heading, IReadOnlyList<string> rows) in tables)
        {
            Console.WriteLine($"\n## {heading}\n\n{string.Join('\n', rows)}");
        }

        Console.WriteLine($"\n{TargetLine.Header}\n{string.Join('\n', targets.AsEnumerable())}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\n{taken.Elapsed.TotalSeconds:0} s on {ResultFile.Machine}."));
        if ((arguments.Out ?? (arguments.IsWhole ? ResultFile.Map : null)) is { } path)
        {
            await ResultFile.WriteAsync("Capacity map", path, line, taken.Elapsed, targets, [.. tables]);
        }

        return targets.Any(target => target.IsMissed) && !arguments.OnlyReports ? 1 : 0;
    }

    /// <summary>A line for each class: its mean, and how many of its cells miss.</summary>
    private static IEnumerable<TargetLine> Judge(Dictionary<string, MapCell> cells, MapResult[] ours)
    {
        foreach (IGrouping<MapTargets, MapResult> group in ours.GroupBy(result => MapTargets.Of(cells[result.Cell])))
        {
            int missed = group.Count(result => group.Key.Misses(cells[result.Cell], result).Length > 0);
            yield return new TargetLine(group.Key.Class, $"{group.Count()} cells", group.Key.ToString(), [
                Targets.AtMost("cells that miss", missed, 0),
                group.Key.Class == "burst" ? null : Targets.AtLeast("mean share", group.Average(result => result.Share), group.Key.ClassShare),
            ]);
        }
    }
}
