using System.Globalization;
using AzureOpenAI.RoundRobin.Scenarios.Clients;
using AzureOpenAI.RoundRobin.Scenarios.FleetS;

namespace AzureOpenAI.RoundRobin.Scenarios.Reporting;

/// <summary>The results as Markdown.</summary>
internal static class ResultTable
{
    public static string Header { get; } = """
        | scenario | client | calls | failed % | silently wrong | p50 ms | p95 | p99 | attempts per success | calls to the bad | spread (CV) | also |
        |---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|
        """;

    public static string Row(CellResult result) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {result.Scenario.Name} | {result.Client} | {result.Calls} | {result.FailedPercent:0.0} | {result.Wrong} | {Milliseconds(result.Percentile(0.5))} | {Milliseconds(result.Percentile(0.95))} | {Milliseconds(result.Percentile(0.99))} | {(result.Right == 0 ? "-" : result.AttemptsPerSuccess.ToString("0.00", CultureInfo.InvariantCulture))} | {result.BadAttempts?.ToString(CultureInfo.InvariantCulture) ?? "-"} | {result.Spread} ({result.Variation:0.00}) | {Also(result)} |");

    /// <summary>Whether our client reached the target, and where not.</summary>
    /// <param name="result">Ours.</param>
    /// <param name="all">All of the same scenario.</param>
    public static TargetLine Verdict(CellResult result, IReadOnlyList<CellResult> all)
    {
        IEnumerable<string?> misses = result.Scenario.Misses(result);
        if (result.Scenario.AgainstPlain is { } against && all.FirstOrDefault(other => other.Client == Contestant.Single.Name) is { } plain)
        {
            misses = misses.Concat(against(result, plain));
        }

        return new TargetLine(result.Scenario.Name, result.Scenario.What, result.Scenario.Target, misses);
    }

    /// <summary>Each endpoint's arrivals in tenths of a second, for a look at what happened when.</summary>
    public static IEnumerable<string> Timeline(CellResult result) =>
        result.Ledger.Select(resource => $"         {result.Client} at {resource.Name}: {string.Join(' ', resource.Arrivals.Chunk(10).Select(second => string.Join(',', second)))}");

    private static string Also(CellResult result) => string.Join("; ", new[]
    {
        result.Right > 0 ? result.Scenario.Also?.Invoke(result) : null,
        result.Failures(),
        result.Lateness > 5 ? string.Create(CultureInfo.InvariantCulture, $"calls started {result.Lateness:0} ms late") : null,
    }.Where(part => !string.IsNullOrEmpty(part)));

    private static string Milliseconds(double value) => double.IsNaN(value) ? "-" : value.ToString("0", CultureInfo.InvariantCulture);
}
