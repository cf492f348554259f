using System.Globalization;
using AzureOpenAI.RoundRobin.Scenarios.Clients;
using AzureOpenAI.RoundRobin.Scenarios.Load;
using AzureOpenAI.RoundRobin.Scenarios.Server;
using static AzureOpenAI.RoundRobin.Scenarios.Reporting.Targets;

namespace AzureOpenAI.RoundRobin.Scenarios.FleetS;

/// <summary>
/// An unequal quota, 60/30/10 a second, that nobody configures: below it and above it, by requests and by tokens, with headers that tell, that do not and that lie.
/// </summary>
internal static class Quotas
{
    private const int PerSecond = 100;
    private const double Below = 0.95 * PerSecond;
    private const double Above = 1.5 * PerSecond;

    /// <summary>With the two or three tokens of the prompt some 50, 100 and 150.</summary>
    private static readonly int[] Mixed = [47, 97, 147];

    private static readonly IReadOnlyList<Scenario> OfFixedWindows =
    [
        NotReached("quota-95", "95 % of an unequal quota (60/30/10 a second) for 8 s", Requests()),
        NotReached("quota-95-bare", "the same without x-ratelimit headers", Requests(headers: RateLimitHeaders.Absent)).OursAlone(),
        NotReached("quota-95-zero", "the same with x-ratelimit-remaining at zero on every answer", Requests(headers: RateLimitHeaders.Zero)).OursAlone(),
        NotReached("quota-95-odd", "the same with x-ratelimit headers of garbage and -1", Requests(headers: RateLimitHeaders.Odd)).OursAlone(),
        NotReached("quota-95-tokens", "95 % of unequal tokens (6,000/3,000/1,000 a second) with calls of 50, 100 and 150, windows of 1 s", Tokens(), Mixed),
        NotReached("quota-95-tokens-bare", "the same without x-ratelimit headers", Tokens(RateLimitHeaders.Absent), Mixed).OursAlone(),
        NotReached("quota-95-10s", "95 % of the unequal quota over windows of 10 s, for 20 s", Requests(window: 10), seconds: 20),
        Exceeded("quota-150", "150 % of it for 8 s, callers wait up to 6 s", Requests()),
        Exceeded("quota-150-bare", "the same without x-ratelimit headers", Requests(headers: RateLimitHeaders.Absent)).OursAlone(),
        Exceeded("quota-150-tokens", "150 % of the unequal tokens for 8 s, callers wait up to 6 s", Tokens(), Mixed),
        Changed(),
    ];

    public static IReadOnlyList<Scenario> All { get; } = [.. OfFixedWindows, .. OfFixedWindows.Select(Sliding)];

    /// <summary>The same over windows that slide, for our client beside a rotation.</summary>
    public static Scenario Sliding(this Scenario scenario)
    {
        string[] name = scenario.Name.Split('-', 2);
        return scenario with
        {
            Name = string.Join('-', [name[0], "sliding", .. name[1..]]),
            What = $"{scenario.What}; windows slide",
            Fleet = [.. scenario.Fleet.Select(endpoint => endpoint with { Slides = true })],
            Contestants = [.. scenario.Contestants.Intersect([Contestant.Ours, Contestant.Naive])],
        };
    }

    /// <summary>The others read no header, so theirs are the figures of the row before.</summary>
    private static Scenario OursAlone(this Scenario scenario) => scenario with { Contestants = [Contestant.Ours] };

    private static Scenario NotReached(string name, string what, ResourceSpec[] fleet, IReadOnlyList<int>? maxTokens = null, double seconds = 8) =>
        new(name, what, fleet, new LoadPlan { PerSecond = Below, Seconds = seconds, MaxTokens = maxTokens ?? [] })
        {
            Target = "0 failed, p99 < 250, at most 1.15 attempts",
            Misses = result => [NoneFailed(result), NoneWrong(result), P99(result, 250), AttemptsEach(result, 1.15)],
        };

    private static Scenario Exceeded(string name, string what, ResourceSpec[] fleet, IReadOnlyList<int>? maxTokens = null) =>
        new(name, what, fleet, new LoadPlan { PerSecond = Above, Seconds = 8, PatienceSeconds = 6, MaxTokens = maxTokens ?? [] })
        {
            SideBySide = 2,
            Patience = TimeSpan.FromSeconds(6),
            Target = "goodput at least 97 % of the quota, under 1 % failed, at most 1.3 attempts",
            Also = result => Text($"goodput {result.GoodputPercent(PerSecond, 0, 8):0.0} %"),
            Misses = result => [AtMost("failed %", result.FailedPercent, 1), NoneWrong(result), AttemptsEach(result, 1.3), AtLeast("goodput %", result.GoodputPercent(PerSecond, 0, 8), 97)],
        };

    /// <summary>What is left over from the time of the lower limit is served after, so all of it is to be answered.</summary>
    private static Scenario Changed() =>
        new("quota-changes", "95 calls a second at 60/30/10; the first is halved at second 3 and has four times that from second 6 on", [Requests()[0] with { Steps = [new(3, 30), new(6, 120)] }, .. Requests()[1..]], new LoadPlan { PerSecond = Below, Seconds = 10 })
        {
            SideBySide = 3,
            Target = "0 failed, at most 1.15 attempts, p99 < 250 before the change and from second 8 on, at least 97 % of the lower quota used meanwhile",
            Also = result => Text($"p99 {Tail(result, 0, 2.9):0} before, {Tail(result, 8, 10):0} from second 8 on; {result.GoodputPercent(70, 3, 6):0} % of the lower quota used"),
            Misses = result => [NoneFailed(result), NoneWrong(result), AttemptsEach(result, 1.15), AtMost("p99 before", Tail(result, 0, 2.9), 250), AtMost("p99 from second 8 on", Tail(result, 8, 10), 250), AtLeast("% of the lower quota", result.GoodputPercent(70, 3, 6), 97)],
        };

    private static double Tail(CellResult result, double from, double to) =>
        Reporting.Percentiles.Of([.. result.Due(from, to).Where(record => record.Verdict == Verdict.Right).Select(record => record.Milliseconds).Order()], 0.99);

    private static ResourceSpec[] Requests(double window = 1, RateLimitHeaders headers = RateLimitHeaders.True) =>
        [.. Catalogue.Endpoints(3).Zip((int[])[60, 30, 10], (endpoint, limit) => endpoint with { PerSecond = limit, WindowSeconds = window, Headers = headers })];

    private static ResourceSpec[] Tokens(RateLimitHeaders headers = RateLimitHeaders.True) =>
        [.. Catalogue.Endpoints(3).Zip((int[])[6000, 3000, 1000], (endpoint, limit) => endpoint with { TokensPerSecond = limit, Headers = headers })];

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
