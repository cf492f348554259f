using System.Globalization;
using AzureOpenAI.RoundRobin.Scenarios.FleetS;

namespace AzureOpenAI.RoundRobin.Scenarios.Reporting;

/// <summary>The conditions that targets are made of. Each returns what was missed, or null.</summary>
internal static class Targets
{
    public static string? NoneFailed(CellResult result) => AtMost("failed %", result.FailedPercent, 0);

    public static string? NoneWrong(CellResult result) => AtMost("silently wrong", result.Wrong, 0);

    public static string? P99(CellResult result, double milliseconds) => AtMost("p99", result.Percentile(0.99), milliseconds);

    public static string? AttemptsEach(CellResult result, double each) => AtMost("attempts", result.AttemptsPerSuccess, each);

    public static string? Bad(CellResult result, int calls) => AtMost("calls to the bad one", result.BadAttempts ?? 0, calls);

    public static string? Even(CellResult result) => AtMost("spread", result.Spread, 1);

    /// <summary>Failures and the 99th percentile beside the SDK's own client, with a tenth more allowed for chance.</summary>
    public static IEnumerable<string?> NotWorse(double failedPercent, double p99, double plainFailedPercent, double plainP99)
    {
        yield return AtMost("failed %", failedPercent, plainFailedPercent);
        // Who fails more has fewer slow answers to show, and who fails always has none.
        yield return plainFailedPercent > failedPercent || plainFailedPercent >= 100 ? null : AtMost("p99", p99, 1.1 * plainP99);
    }

    public static string? AtMost(string what, double value, double most) =>
        value <= most ? null : string.Create(CultureInfo.InvariantCulture, $"{what} {value:0.###} > {most:0.###}");

    public static string? AtLeast(string what, double value, double least) =>
        value >= least ? null : string.Create(CultureInfo.InvariantCulture, $"{what} {value:0.###} < {least:0.###}");
}
