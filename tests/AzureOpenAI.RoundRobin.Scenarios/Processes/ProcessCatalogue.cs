using AzureOpenAI.RoundRobin.Scenarios.FleetS;
using AzureOpenAI.RoundRobin.Scenarios.Server;
using static AzureOpenAI.RoundRobin.Scenarios.Reporting.Targets;

namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>What several processes do to a fleet, without a word between them or sharing over Redis what they find.</summary>
internal static class ProcessCatalogue
{
    private const double FairShare = 70;

    private const string FoundOnce = "0 failed, at most 2 calls to it by each process, and 5 in all where they share";

    /// <summary>The most attempts for each answer under overload, by the number of processes.</summary>
    private static double MostAttempts(int processes) => processes <= 1 ? 1.5 : processes <= 16 ? 3 : 5;

    public static IReadOnlyList<ProcessScenario> All { get; } =
    [
        Overload("overload", "150 % of 24/12/4 a second, fixed windows", slides: false),
        Overload("overload-sliding", "150 % of 24/12/4 a second, windows slide", slides: true),
        LongWindows("overload-10s", "150 % of 24/12/4 a second, fixed windows of 10 s", slides: false),
        LongWindows("overload-10s-sliding", "150 % of 24/12/4 a second, windows of 10 s slide", slides: true),
        Quota("quota", "95 % of 38/19/6 a second, fixed windows", slides: false),
        Quota("quota-sliding", "95 % of 38/19/6 a second, windows slide", slides: true),
        Overload("overload-configured", "150 % of 24/12/4 a second, windows slide; every process has the limits", slides: true) with { IsConfigured = true },
        Quota("quota-configured", "95 % of 38/19/6 a second, windows slide; every process has the limits", slides: true) with { IsConfigured = true },
        Burst("burst", "1,000 calls at one instant on 4 x 100 a second, fixed windows"),
        Burst("burst-configured", "the same; every process has the limits") with { IsConfigured = true },
        new("throttled", "one of three asks for 20 s of peace", Bad(new FaultSpec(FaultName.Throttle, 20)))
        {
            Target = FoundOnce,
            Misses = FoundBy,
        },
        new("throttled-first", "the same, and no process has met a failure before", Bad(new FaultSpec(FaultName.Throttle, 20)))
        {
            IsFirstFailure = true,
            Target = "(none set) 0 failed",
            Misses = result => [AtMost("failed %", result.FailedPercent, 0)],
        },
        new("wrong-key", "one of three refuses its key", [Catalogue.Endpoints(3)[0] with { WrongKey = true, IsBad = true }, .. Catalogue.Endpoints(3)[1..]])
        {
            Target = FoundOnce,
            Misses = FoundBy,
        },
        new("dead", "one of three answers 503, as a gateway in front of a dead resource does", Bad(new FaultSpec(FaultName.Status, 503)))
        {
            Target = "(none set) 0 failed",
            Misses = result => [AtMost("failed %", result.FailedPercent, 0)],
        },
        new("redis-killed", "as throttled, and Redis is killed for 2 s in the middle", Bad(new FaultSpec(FaultName.Throttle, 2)))
        {
            RedisFault = RedisFault.Killed,
            Target = "0 failed",
            Misses = result => [AtMost("failed %", result.FailedPercent, 0)],
        },
        new("redis-still", "as throttled, and Redis stands still for 2 s in the middle", Bad(new FaultSpec(FaultName.Throttle, 2)))
        {
            RedisFault = RedisFault.StandsStill,
            Target = "0 failed",
            Misses = result => [AtMost("failed %", result.FailedPercent, 0)],
        },
        .. Spoiled("redis-killed", "Redis is killed for 2 s in the middle", RedisFault.Killed, attempts: 1.5, p99: 1500),
        .. Spoiled("redis-still", "Redis stands still for 2 s in the middle", RedisFault.StandsStill, attempts: 1.5, p99: 1500),
        .. Spoiled("redis-late", "what Redis says arrives up to 30 ms later from 2 to 6 s", RedisFault.Late, attempts: 1.15, p99: 300),
        .. Spoiled("redis-emptied", "Redis loses all keys at 3 s", RedisFault.Emptied, attempts: 1.15, p99: 500),
        new("hang", "one of three hangs for 4 s", Bad(new FaultSpec(FaultName.NeverAnswer) { StartsAt = 2, LastsFor = 4 }))
        {
            Target = "at most 2 % failed, and 0 where they share, with at most 40 calls to it and a p99 of 1.5 s",
            Misses = result => !result.Shares ? [AtMost("failed %", result.FailedPercent, 2)]
                : [AtMost("failed %", result.FailedPercent, 0), AtMost("calls to it", result.BadAttempts, 40), AtMost("p99 ms", result.P99, 1500)],
        },
        Quota("roll-out", "each process has another client from the second half on, at 95 % of 38/19/6 a second, windows slide", slides: true, p99: 250) with { Life = ClientLife.RolledOut },
        Quota("lives", "clients that live for 1 to 20 calls, at 95 % of 38/19/6 a second, windows slide", slides: true, attempts: 1.15, p99: null) with { Life = ClientLife.FewCalls },
        new("lives-throttled", "clients that live for 1 to 20 calls, and one of three asks for 20 s of peace", Bad(new FaultSpec(FaultName.Throttle, 20)))
        {
            Life = ClientLife.FewCalls,
            Target = "0 failed, and at most 5 calls to it in all where they share",
            Misses = result => [AtMost("failed %", result.FailedPercent, 0), result.Shares ? AtMost("calls to it", result.BadAttempts, 5) : null],
        },
        new("lives-hang", "clients that live for 1 to 20 calls, and one of three hangs for 4 s", Bad(new FaultSpec(FaultName.NeverAnswer) { StartsAt = 2, LastsFor = 4 }))
        {
            Life = ClientLife.FewCalls,
            Target = "(none set) where they share 0 failed, and at most 40 calls to it",
            Misses = result => result.Shares ? [AtMost("failed %", result.FailedPercent, 0), AtMost("calls to it", result.BadAttempts, 40)] : [],
        },
    ];

    /// <summary>What each process practises on: one of two refuses, so that the first failure of the load is not the first of the process.</summary>
    public static ResourceSpec[] Practice { get; } = [.. Bad(new FaultSpec(FaultName.Throttle, 20))[..2]];

    private static ProcessScenario Overload(string name, string what, bool slides) => new(name, what, Limited([24, 12, 4], slides))
    {
        PatienceSeconds = 6,
        Target = "at most 1.5 attempts by one process, 3 by up to 16, 5 by more; none under 70 % of its fair share; at least 90 % of the quota. Where they share 1 % failed, 1.15 attempts, 97 % of the quota, p99 10 % beyond the oracle's, 90 % of its fair share",
        Misses = result => result.Shares
            ? [AtMost("failed %", result.FailedPercent, 1), AtMost("attempts", result.AttemptsPerSuccess, 1.15), AtLeast("goodput %", result.GoodputPercent(40), 97), AtMost("p99 ms", result.P99, 1.1 * ProcessOracle.Of(result.Scenario, result.Processes)!.P99), AtLeast("worst share %", result.WorstSharePercent, 90)]
            : [AttemptsEach(result), AtLeast("worst share %", result.WorstSharePercent, FairShare), AtLeast("goodput %", result.GoodputPercent(40), 90)],
    };

    private static ProcessScenario LongWindows(string name, string what, bool slides) => new(name, what, [.. Limited([24, 12, 4], slides).Select(static endpoint => endpoint with { WindowSeconds = 10 })])
    {
        PatienceSeconds = 6,
        Target = "(none set) attempts as under overload. Where they share 3 % failed, 1.1 attempts",
        Misses = result => result.Shares ? [AtMost("failed %", result.FailedPercent, 3), AtMost("attempts", result.AttemptsPerSuccess, 1.1)] : [AttemptsEach(result)],
    };

    private static ProcessScenario Burst(string name, string what) => new(name, what, Limited([100, 100, 100, 100], slides: false))
    {
        AtOnce = 1000,
        Target = "0 failed. Where they share 1.7 attempts, p99 3200 ms",
        Misses = result => [AtMost("failed %", result.FailedPercent, 0), .. result.Shares ? [AtMost("attempts", result.AttemptsPerSuccess, 1.7), AtMost("p99 ms", result.P99, 3200)] : (string?[])[]],
    };

    /// <summary>A fleet that is nearly at its quota when something happens to Redis: with limits that are learned, and that every process has.</summary>
    private static IEnumerable<ProcessScenario> Spoiled(string name, string what, RedisFault fault, double attempts, double p99)
    {
        ProcessScenario learned = new($"{name}-quota", $"95 % of 38/19/6 a second, windows slide; {what}", Limited([38, 19, 6], slides: true))
        {
            RedisFault = fault,
            Target = FormattableString.Invariant($"0 failed, {attempts} attempts, p99 {p99} ms"),
            Misses = result => [AtMost("failed %", result.FailedPercent, 0), AtMost("attempts", result.AttemptsPerSuccess, attempts), AtMost("p99 ms", result.P99, p99)],
        };
        return [learned, learned with { Name = $"{name}-configured", What = $"{learned.What}; every process has the limits", IsConfigured = true }];
    }

    /// <param name="name">Of the scenario.</param>
    /// <param name="what">What it is.</param>
    /// <param name="slides">Whether windows slide.</param>
    /// <param name="attempts">The most attempts for each answer where processes share.</param>
    /// <param name="p99">The longest p99 there, in milliseconds; null for none set.</param>
    private static ProcessScenario Quota(string name, string what, bool slides, double attempts = 1.08, double? p99 = 200) => new(name, what, Limited([38, 19, 6], slides))
    {
        Target = FormattableString.Invariant($"(none set) at most 1 % failed, attempts as under overload, none under 70 % of its fair share. Where they share 0 failed, {attempts} attempts{(p99 is null ? "" : ", p99 ")}{p99}{(p99 is null ? "" : " ms")}"),
        Misses = result => result.Shares
            ? [AtMost("failed %", result.FailedPercent, 0), AtMost("attempts", result.AttemptsPerSuccess, attempts), p99 is { } most ? AtMost("p99 ms", result.P99, most) : null]
            : [AtMost("failed %", result.FailedPercent, 1), AttemptsEach(result), AtLeast("worst share %", result.WorstSharePercent, FairShare)],
    };

    private static IEnumerable<string?> FoundBy(ProcessResult result) =>
        [AtMost("failed %", result.FailedPercent, 0), AtMost("calls to it", result.BadAttempts, result.Shares ? 5 : 2 * result.Processes)];

    private static string? AttemptsEach(ProcessResult result) => AtMost("attempts", result.AttemptsPerSuccess, MostAttempts(result.Processes));

    private static ResourceSpec[] Limited(int[] perSecond, bool slides) =>
        [.. Catalogue.Endpoints(perSecond.Length).Zip(perSecond, (endpoint, limit) => endpoint with { PerSecond = limit, Slides = slides })];

    private static ResourceSpec[] Bad(FaultSpec fault) => [Catalogue.Endpoints(3)[0] with { Faults = [fault], IsBad = true }, .. Catalogue.Endpoints(3)[1..]];
}
