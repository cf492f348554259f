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

    /// <summary>Whether our client reached the target, and where not.</summary>
    /// <param name="result">Ours.</param>
    /// <param name="all">All of the same scenario.</param>
    public static TargetLine Verdict(SimulatedResult result, IReadOnlyList<SimulatedResult> all)
    {
        IEnumerable<string?> misses = result.Scenario.Misses(result);
        if (result.Scenario.IsAgainstPlain && all.FirstOrDefault(other => other.Client == "single") is { } plain)
        {
            misses = misses.Concat(Targets.NotWorse(result.FailedPercent, result.Percentile(0.99), plain.FailedPercent, plain.Percentile(0.99)));
        }

        return new TargetLine(result.Scenario.Name, result.Scenario.What, result.Scenario.Target, misses);
    }

    /// <summary>Arrivals and answers by the second they came in, and who failed.</summary>
    public static IEnumerable<string> Timeline(SimulatedResult result)
    {
        foreach (FakeModel model in result.Models)
        {
            yield return $"         {result.Client} at {model.Name}, arrived: {Counts(model.Arrivals)}";
            yield return $"         {result.Client} at {model.Name}, of those answered: {Counts(model.Answered.Values)}";
        }

        yield return $"         {result.Client} failed (due, after): {string.Join(", ", result.Calls.Where(call => !call.Answered).Take(200).Select(call => string.Create(CultureInfo.InvariantCulture, $"{call.Due:0.0} {call.Took:0.00}")))}";
    }

    private static string Counts(IEnumerable<double> seconds)
    {
        int[] all = [.. seconds.Select(second => (int)second)];
        return string.Join(' ', Enumerable.Range(0, all.Length == 0 ? 0 : Math.Min(1000, all.Max() + 1)).Select(second => all.Count(at => at == second)).Chunk(10).Select(ten => string.Join(',', ten)));
    }

    private static string Also(SimulatedResult result) => string.Join("; ", new[]
    {
        result.Right > 0 ? result.Scenario.Also?.Invoke(result) : null,
        result.Failures(),
    }.Where(part => !string.IsNullOrEmpty(part)));

    private static string Seconds(double value) => double.IsNaN(value) ? "-" : value.ToString("0.0", CultureInfo.InvariantCulture);
}
