using System.Globalization;
using AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

namespace AzureOpenAI.RoundRobin.Scenarios.Reporting;

/// <summary>The results of the part in simulated time, as Markdown. Latencies are seconds there.</summary>
internal static class SimulatedTable
{
    public static string Header { get; } = """
        | scenario | client | calls | failed % | silently wrong | p50 s | p95 | p99 | slowed % | attempts per success | spread | also |
        |---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|
        """;

    public static string Row(SimulatedResult result) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {result.Scenario.Name} | {result.Client} | {result.Calls.Count} | {result.FailedPercent:0.0} | {result.Wrong} | {Seconds(result.Percentile(0.5))} | {Seconds(result.Percentile(0.95))} | {Seconds(result.Percentile(0.99))} | {result.SlowedPercent:0.0} | {(result.Right == 0 ? "-" : result.AttemptsPerSuccess.ToString("0.00", CultureInfo.InvariantCulture))} | {result.Spread} | {Also(result)} |");

    public static string Verdict(SimulatedResult result) =>
        string.Join("; ", result.Scenario.Misses(result).OfType<string>()) is { Length: > 0 } misses ? $"missed: {misses}" : "reached";

    private static string Also(SimulatedResult result) => string.Join("; ", new[]
    {
        result.Right > 0 ? result.Scenario.Also?.Invoke(result) : null,
        result.Failures(),
    }.Where(part => !string.IsNullOrEmpty(part)));

    private static string Seconds(double value) => double.IsNaN(value) ? "-" : value.ToString("0.0", CultureInfo.InvariantCulture);
}
