using System.Globalization;
using AzureOpenAI.RoundRobin.Scenarios.Reporting;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>The map as Markdown.</summary>
internal static class MapTable
{
    /// <summary>All cells of one client, the worst first.</summary>
    public static IEnumerable<string> Cells(IReadOnlyList<(MapCell Cell, MapResult Result)> results, bool judged)
    {
        yield return "| cell | share of the oracle % | attempts | p99 of the wait beyond it s | last s | refused early % | failed % (oracle) | |";
        yield return "|---|--:|--:|--:|--:|--:|--:|---|";
        foreach ((MapCell cell, MapResult result) in results.OrderBy(pair => Worth(pair.Cell, pair.Result)))
        {
            string missed = judged ? MapTargets.Of(cell).Misses(cell, result) : "";
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"| {cell.Name} | {result.Share:0.0} | {result.Attempts:0.00} | {result.WaitBeyond:0.0} | {result.LastBeyond:0.0} | {result.RefusedEarly:0.0} | {result.Failed:0.0} ({result.OracleFailed:0.0}) | {(missed.Length == 0 ? "" : $"MISSED: {missed}")} |");
        }
    }

    /// <summary>Means over all cells that have the same of something; bursts by themselves.</summary>
    public static IEnumerable<string> Summary(string heading, IEnumerable<(MapCell Cell, MapResult Result)> results, Func<MapCell, string> by)
    {
        yield return $"| {heading} | cells | mean share % | 10th percentile | lowest | mean attempts | most | cells that miss |";
        yield return "|---|--:|--:|--:|--:|--:|--:|--:|";
        foreach (IGrouping<string, (MapCell Cell, MapResult Result)> group in results.GroupBy(pair => by(pair.Cell)))
        {
            double[] shares = [.. group.Select(pair => pair.Result.Share).Order()];
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"| {group.Key} | {shares.Length} | {shares.Average():0.0} | {Percentiles.Of(shares, 0.1):0.0} | {shares[0]:0.0} | {group.Average(pair => pair.Result.Attempts):0.00} | {group.Max(pair => pair.Result.Attempts):0.00} | {group.Count(pair => MapTargets.Of(pair.Cell).Misses(pair.Cell, pair.Result).Length > 0)} |");
        }
    }

    /// <summary>A burst is all answered, sooner or later: it is as bad as its attempts.</summary>
    private static double Worth(MapCell cell, MapResult result) => cell.IsBurst ? 100 / Math.Max(1, result.Attempts / 1.5) : result.Share;
}
