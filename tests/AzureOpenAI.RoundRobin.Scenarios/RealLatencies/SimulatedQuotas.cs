using System.Globalization;
using static AzureOpenAI.RoundRobin.Scenarios.Reporting.Targets;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>
/// An unequal quota with real latencies over the windows that the service has: 1 s (60/30/10 a second, since one of 1 is no measure), 10 s and a fixed minute (6/3/1); with
/// headers that say what is left and without, by requests and by tokens, and with a limit that changes.
/// </summary>
internal static class SimulatedQuotas
{
    private static readonly int[] Shares = [6, 3, 1];

    private static readonly int[] Mixed = [50, 100, 150];

    public static IReadOnlyList<SimulatedScenario> All { get; } = [.. Below(), Changed("real-changes", false), Changed("real-changes-headers", true), .. Above()];

    private static IEnumerable<SimulatedScenario> Below()
    {
        foreach (int window in (int[])[1, 10, 60])
        {
            string what = $"95 % of an unequal quota ({Rates(window)} a second), windows of {window} s";
            yield return NotReached($"real-95-{window}s", what, Requests(window), Scale(window));
            yield return NotReached($"real-95-{window}s-headers", $"{what}, limits told in headers", Requests(window), Scale(window)) with { HasHeaders = true, Contestants = ["ours"] };
        }

        yield return NotReached("real-95-10s-tokens", $"95 % of unequal tokens (600/300/100 a second) with calls of 50, 100 and 150, windows of 10 s, limits told in headers", Tokens(10), 1) with { HasHeaders = true, MaxTokens = Mixed, Contestants = ["ours"] };
        yield return NotReached("real-95-60s-tokens", $"95 % of unequal tokens (600/300/100 a second) with calls of 50, 100 and 150, a fixed minute, limits told in headers", Tokens(60), 1) with { HasHeaders = true, MaxTokens = Mixed };
    }

    private static IEnumerable<SimulatedScenario> Above()
    {
        foreach (int window in (int[])[1, 10, 60])
        {
            SimulatedScenario overload = SimulatedCatalogue.Overload($"real-150-{window}s-headers", $"150 % of an unequal quota ({Rates(window)} a second), windows of {window} s, limits told in headers; callers give up after 60 s", Requests(window), 10 * Scale(window));
            yield return overload with { HasHeaders = true, Contestants = ["ours"] };
        }

        yield return SimulatedCatalogue.Overload("real-150-60s-tokens", "150 % of the unequal tokens for 120 s, a fixed minute, limits told in headers; callers give up after 60 s", Tokens(60), 10) with { HasHeaders = true, MaxTokens = Mixed };
    }

    /// <summary>There is room for every call; whoever looks for it in the wrong place pays with attempts.</summary>
    private static SimulatedScenario NotReached(string name, string what, IReadOnlyList<FakeModelSpec> models, int scale) => new(name, what, models)
    {
        PerSecond = 9.5 * scale,
        Seconds = scale == 1 ? 180 : 60,
        Target = "0 failed, at most 1.15 attempts, 99 % of calls within 1 s of their own time",
        Also = result => Text($"99 % within {Extra(result, 0):0.0} s of their own time"),
        Misses = result => [NoneFailed(result), AtMost("attempts", result.AttemptsPerSuccess, 1.15), AtMost("p99 of the extra s", Extra(result, 0), 1)],
    };

    /// <summary>The largest has half for a minute, and then twice of what it had.</summary>
    private static SimulatedScenario Changed(string name, bool headers) =>
        new(name, $"8 calls a second at 6/3/1, windows of 10 s; the first is halved at second 60 and has 12 a second from second 120 on{(headers ? ", limits told in headers" : "")}", [Requests(10)[0] with { Steps = [(60, 30), (120, 120)] }, .. Requests(10)[1..]])
        {
            PerSecond = 8,
            Seconds = 240,
            HasHeaders = headers,
            Contestants = headers ? ["ours"] : null,
            Target = "0 failed, at most 1.15 attempts, 99 % within 1 s of their own time from second 150 on",
            Also = result => Text($"99 % within {Extra(result, 150):0.0} s of their own time from second 150 on"),
            Misses = result => [NoneFailed(result), AtMost("attempts", result.AttemptsPerSuccess, 1.15), AtMost("p99 of the extra s", Extra(result, 150), 1)],
        };

    private static double Extra(SimulatedResult result, double from) =>
        Reporting.Percentiles.Of([.. result.Calls.Where(call => call.Right && call.Due >= from).Select(call => call.Extra).Order()], 0.99);

    private static FakeModelSpec[] Requests(int window) => [.. Shares.Select(share => new FakeModelSpec { Limit = share * Scale(window) * window, WindowSeconds = window })];

    private static FakeModelSpec[] Tokens(int window) => [.. Shares.Select(share => new FakeModelSpec { TokenLimit = 100 * share * window, WindowSeconds = window })];

    private static int Scale(int window) => window == 1 ? 10 : 1;

    private static string Rates(int window) => string.Join('/', Shares.Select(share => share * Scale(window)));

    private static string? NoneFailed(SimulatedResult result) => AtMost("failed %", result.FailedPercent, 0);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
