using System.Globalization;
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
    public static string Verdict(CellResult result) =>
        string.Join("; ", result.Scenario.Misses(result).OfType<string>()) is { Length: > 0 } misses ? $"missed: {misses}" : "reached";

    private static string Also(CellResult result) => string.Join("; ", new[]
    {
        result.Right > 0 ? result.Scenario.Also?.Invoke(result) : null,
        result.Failures(),
        result.Lateness > 5 ? string.Create(CultureInfo.InvariantCulture, $"calls started {result.Lateness:0} ms late") : null,
    }.Where(part => !string.IsNullOrEmpty(part)));

    private static string Milliseconds(double value) => double.IsNaN(value) ? "-" : value.ToString("0", CultureInfo.InvariantCulture);
}
