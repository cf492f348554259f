using System.Globalization;
using AzureOpenAI.RoundRobin.Scenarios.Clients;
using AzureOpenAI.RoundRobin.Scenarios.Load;
using AzureOpenAI.RoundRobin.Scenarios.Server;
using static AzureOpenAI.RoundRobin.Scenarios.Reporting.Targets;

namespace AzureOpenAI.RoundRobin.Scenarios.FleetS;

/// <summary>
/// All scenarios over HTTP. Three endpoints of 60 ms median and 135 ms at the 99th percentile, unless a scenario says otherwise; the bad one is the first.
/// </summary>
internal static class Catalogue
{
    public static IReadOnlyList<Scenario> All { get; } = [.. OfThree(), .. Quotas.All, .. Tiers(), Conversations(), OneCallEach(), .. OfOne()];

    private static IEnumerable<Scenario> OfThree()
    {
        yield return new("even", "3 equal endpoints, 12 callers", Three(), new LoadPlan { Callers = 12, Seconds = 3 })
        {
            Target = "spread at most 1",
            Misses = result => [NoneFailed(result), NoneWrong(result), Even(result)],
        };

        Scenario burst = new("burst", "1,000 calls at one instant on 4 x 100 a second", [.. Endpoints(4).Select(endpoint => endpoint with { PerSecond = 100 })], new LoadPlan { AtOnce = 1000 })
        {
            SideBySide = 1,
            Target = "0 failed, at most 1.7 attempts",
            Also = result => Text($"all over after {result.Records.Max(record => record.Ended):0.0} s"),
            Misses = result => [NoneFailed(result), NoneWrong(result), AttemptsEach(result, 1.7)],
        };
        yield return burst;
        yield return burst.Sliding();

        yield return new("peace", "one asks for 20 s of peace", Three(bad => bad with { Faults = [new(FaultName.Throttle, 20)] }), new LoadPlan { PerSecond = 100, Seconds = 4, PatienceSeconds = 6 })
        {
            Target = "0 failed, at most 3 calls to it, the others exactly even",
            Misses = result => [NoneFailed(result), NoneWrong(result), Bad(result, 3), Even(result)],
        };

        yield return new("refused", "one refuses connections for 2.5 s and returns", Three(bad => bad with { RefusesAt = 1, RefusesFor = 2.5 }), new LoadPlan { PerSecond = 100, Seconds = 7 })
        {
            Target = "0 failed, p99 < 180, its fair share back within 1.5 s",
            Also = result => result.ShareBackAfter(0, 3.5) is { } after ? Text($"share back after {after:0.0} s") : "share not back",
            Misses = result => [NoneFailed(result), NoneWrong(result), P99(result, 180), AtMost("share back after", result.ShareBackAfter(0, 3.5) ?? double.NaN, 1.5)],
        };

        yield return new("half-500", "one answers 500 half of the time", Three(bad => bad with { Faults = [new(FaultName.Status, 500, 0.5)] }), new LoadPlan { PerSecond = 100, Seconds = 6 })
        {
            Target = "0 failed, p99 < 190, at most 1.05 attempts",
            Misses = result => [NoneFailed(result), NoneWrong(result), P99(result, 190), AttemptsEach(result, 1.05)],
        };

        yield return new("all-500", "all three answer 500 to three in ten", [.. Endpoints(3).Select(endpoint => endpoint with { Faults = [new(FaultName.Status, 500, 0.3)] })], new LoadPlan { PerSecond = 60, Seconds = 6 })
        {
            Target = "(none set) 0 failed, p99 < 1 s",
            Misses = result => [NoneFailed(result), NoneWrong(result), P99(result, 1000)],
        };

        yield return new("silent", "one accepts and never answers, no timeout configured, 60 calls a second", Three(bad => bad with { Faults = [new(FaultName.NeverAnswer)] }), new LoadPlan { PerSecond = 60, Seconds = 6, PatienceSeconds = 10 })
        {
            Target = "0 failed, p99 < 1 s, under 30 calls to it",
            Misses = result => [NoneFailed(result), NoneWrong(result), P99(result, 1000), Bad(result, 29)],
        };

        yield return new("wrong-key", "one has a wrong key", Three(bad => bad with { WrongKey = true }), new LoadPlan { PerSecond = 100, Seconds = 3 })
        {
            Target = "0 failed, at most 3 calls to it",
            Misses = result => [NoneFailed(result), NoneWrong(result), Bad(result, 3)],
        };

        yield return new("no-deployment", "one lacks the deployment", Three(bad => bad with { LacksDeployment = true }), new LoadPlan { PerSecond = 100, Seconds = 3 })
        {
            Target = "0 failed, at most 3 calls to it",
            Misses = result => [NoneFailed(result), NoneWrong(result), Bad(result, 3)],
        };

        yield return new("stream-cut", "streams cut in the middle by one endpoint, every other one", Three(bad => bad with { Faults = [new(FaultName.Cut, 5, 0.5)] }), new LoadPlan { PerSecond = 100, Seconds = 6, Streams = true })
        {
            SideBySide = 3,
            Target = "under 2 % failed, none silent, no text twice",
            Misses = result => [AtMost("failed %", result.FailedPercent, 2), NoneWrong(result)],
        };

        yield return new("stream-early", "streams that fail before content, all of one endpoint", Three(bad => bad with { Faults = [new(FaultName.Cut, 2)] }), new LoadPlan { PerSecond = 100, Seconds = 5, Streams = true })
        {
            SideBySide = 3,
            Target = "0 failed, at most 1.03 attempts",
            Misses = result => [NoneFailed(result), NoneWrong(result), AttemptsEach(result, 1.03)],
        };

        yield return new("stream-error", "a 200 stream that holds only an error event", Three(bad => bad with { Faults = [new(FaultName.ErrorEvent, 0)] }), new LoadPlan { PerSecond = 100, Seconds = 5, Streams = true })
        {
            SideBySide = 3,
            Target = "0 failed, none empty",
            Misses = result => [NoneFailed(result), NoneWrong(result)],
        };

        yield return new("all-refuse", "everything refuses connections for 5 s", [.. Endpoints(3).Select(endpoint => endpoint with { RefusesAt = 1, RefusesFor = 5 })], new LoadPlan { PerSecond = 60, Seconds = 8 })
        {
            Target = "0 failed, all served within 0.5 s of the return",
            Also = result => Text($"last served {ServedAfter(result, 6):0.0} s after the return"),
            Misses = result => [NoneFailed(result), NoneWrong(result), AtMost("last served after", ServedAfter(result, 6), 0.5)],
        };

        yield return new("slow-10x", "one is ten times slower, 80 calls a second", Three(bad => bad with { MedianMilliseconds = 600 }), new LoadPlan { PerSecond = 80, Seconds = 9 })
        {
            Target = "p95 < 150 once it is noticed, still probed",
            Also = result => Text($"p95 from second 5: {result.PercentileAfter(5, 0.95):0}"),
            Misses = result => [NoneFailed(result), NoneWrong(result), AtMost("p95 from second 5", result.PercentileAfter(5, 0.95), 150)],
        };

        yield return new("many", "200 endpoints, 190 refuse", [.. Endpoints(200).Select((endpoint, i) => i % 20 == 10 ? endpoint : endpoint with { RefusesAt = -1, IsBad = true })], new LoadPlan { PerSecond = 100, Seconds = 5 })
        {
            SideBySide = 2,
            Target = "0 failed, p99 < 200",
            Misses = result => [NoneFailed(result), NoneWrong(result), P99(result, 200)],
        };

        yield return new("filtered", "every fifth prompt is refused by the content filter", Three(), new LoadPlan { PerSecond = 100, Seconds = 3, FilteredEach = 5 })
        {
            Target = "exactly 1 attempt, nobody cools",
            Also = result => Text($"{result.Count(Verdict.Filtered)} filtered"),
            Misses = result => [NoneFailed(result), NoneWrong(result), AttemptsEach(result, 1), Even(result)],
        };
    }

    /// <summary>Provisioned throughput before the rest. A 429 there names some milliseconds, so it is there again and again, and must be used whenever it is.</summary>
    private static IEnumerable<Scenario> Tiers()
    {
        const int TokensPerSecond = 100 * Server.Fleet.TokensEach;
        ResourceSpec ptu = new("ptu") { ProvisionedTokensPerSecond = TokensPerSecond };
        foreach (bool knows in (bool[])[false, true])
        {
            string name = knows ? "ptu-200-ms" : "ptu-200";
            string hints = knows ? "of some milliseconds" : "of a tenth of a second and more";
            yield return new(name, $"a provisioned endpoint of 100 a second before two others, 200 calls a second, rejections {hints}", Tier(ptu with { KnowsCost = knows }), new LoadPlan { PerSecond = 200, Seconds = 6 })
            {
                SideBySide = 3,
                Contestants = knows ? [Contestant.Ours, Contestant.Single, Contestant.Failover] : Contestant.All,
                Target = "0 failed, p99 < 250, at least 95 % of the provisioned capacity used, at most 1.5 attempts",
                Also = result => Text($"{Rejections(result):0} rejections a second, {Used(result):0} % of the provisioned capacity used"),
                Misses = result => [NoneFailed(result), NoneWrong(result), P99(result, 250), AttemptsEach(result, 1.5), AtLeast("% of the capacity", Used(result), 95)],
            };
        }

        const int Often = 4;
        ResourceSpec large = ptu with { ProvisionedTokensPerSecond = Often * TokensPerSecond, KnowsCost = true };
        yield return new("ptu-800-ms", "a provisioned endpoint of 400 a second before two others, 800 calls a second, rejections of some milliseconds", Tier(large), new LoadPlan { PerSecond = 800, Seconds = 6 })
        {
            SideBySide = 1,
            Contestants = [Contestant.Ours, Contestant.Single, Contestant.Failover],
            Target = "0 failed, p99 < 250, at least 95 % of the provisioned capacity used, at most 1.5 attempts",
            Also = result => Text($"{Rejections(result):0} rejections a second, {Used(result) / Often:0} % of the provisioned capacity used"),
            Misses = result => [NoneFailed(result), NoneWrong(result), P99(result, 250), AttemptsEach(result, 1.5), AtLeast("% of the capacity", Used(result) / Often, 95)],
        };

        yield return new("ptu-90", "the same at 90 calls a second, which the provisioned endpoint can take alone", Tier(ptu), new LoadPlan { PerSecond = 90, Seconds = 5 })
        {
            SideBySide = 3,
            Target = "0 failed, at least 98 % of the calls answered there",
            Also = result => Text($"{100.0 * result.Ledger[0].Answered / result.Calls:0.0} % answered there"),
            Misses = result => [NoneFailed(result), NoneWrong(result), AtLeast("% answered there", 100.0 * result.Ledger[0].Answered / result.Calls, 98)],
        };

        ResourceSpec spills = new("e0") { ProvisionedTokensPerSecond = 10 * Server.Fleet.TokensEach, SpilloverTokensPerSecond = 10 * Server.Fleet.TokensEach };
        yield return new("spillover", "one is provisioned for 10 a second, spills over to a deployment of 10 a second, and then says x-ms-spillover-error; 100 calls a second", [spills, .. Endpoints(3)[1..]], new LoadPlan { PerSecond = 100, Seconds = 6 })
        {
            SideBySide = 3,
            // The others have room without end, so one that says it is over its limit is passed over for them; only a tier of its own would be used to the full.
            Target = "0 failed, p99 < 200, at most 1.15 attempts",
            Also = result => Text($"{result.Ledger[0].Throttled} rejections, {result.Ledger[0].Spilled} spilled over, {Both(result):0} % of both used"),
            Misses = result => [NoneFailed(result), NoneWrong(result), P99(result, 200), AttemptsEach(result, 1.15)],
        };

        static ResourceSpec[] Tier(ResourceSpec first) => [first, .. Endpoints(3)[1..].Select(endpoint => endpoint with { Priority = 1 })];

        static double Rejections(CellResult result) => result.Ledger[0].Throttled / result.Scenario.Load.Seconds;

        // The bucket is empty at first, and so takes one second more than drains.
        static double Used(CellResult result) => 100.0 * result.Ledger[0].Answered / (100 * (result.Scenario.Load.Seconds + 1));

        static double Both(CellResult result) => 100.0 * result.Ledger[0].Answered / ((20 * result.Scenario.Load.Seconds) + 10);
    }

    private static Scenario Conversations() => new("conversations", "30 conversations of 10 turns at 3 endpoints that cache prompts", [.. Endpoints(3).Select(endpoint => endpoint with { HasPromptCache = true })], new LoadPlan { Conversations = 30 })
    {
        Contestants = Contestant.Everyone,
        Judged = Contestant.OursWithAffinity,
        Target = "with affinity on: cached tokens at least 0.97 of what a single endpoint reaches, CV of load at most 0.15, max/mean at most 1.3",
        Also = result => Text($"{result.CachedPercent:0.0} % of tokens cached, max/mean {result.MaxOverMean:0.00}"),
        Misses = result => [NoneFailed(result), NoneWrong(result), AtMost("CV", result.Variation, 0.15), AtMost("max/mean", result.MaxOverMean, 1.3)],
        AgainstPlain = (mine, single) => [AtLeast("cached %", mine.CachedPercent, 0.97 * single.CachedPercent)],
    };

    /// <summary>What is known of an endpoint lives in the pool, so here each call finds everything out by itself.</summary>
    private static Scenario OneCallEach() => new("one-call", "a client for each call, as short-lived processes have; one of three endpoints refuses connections", Three(bad => bad with { RefusesAt = -1 }), new LoadPlan { PerSecond = 30, Seconds = 5, HasClientEach = true })
    {
        Target = "0 failed, at most 1.5 attempts, the good ones' load max/mean at most 1.3",
        Misses = result => [NoneFailed(result), NoneWrong(result), AttemptsEach(result, 1.5), AtMost("max/mean of the good", Busiest(result), 1.3)],
    };

    private static double Busiest(CellResult result) => result.Ledger.Skip(1).Max(resource => resource.Attempts) / Math.Max(1, result.Ledger.Skip(1).Average(resource => resource.Attempts));

    /// <summary>A pool of one beside the SDK's own client.</summary>
    private static IEnumerable<Scenario> OfOne()
    {
        ResourceSpec only = new("only") { IsBad = true };
        yield return One("one-healthy", "a pool of one, healthy", only with { IsBad = false }, new LoadPlan { PerSecond = 60, Seconds = 3 });
        yield return One("one-quota-95", "a pool of one at 95 % of 60 a second", only with { PerSecond = 60 }, new LoadPlan { PerSecond = 57, Seconds = 5 });
        yield return One("one-quota-150", "a pool of one at 150 % of 60 a second", only with { PerSecond = 60 }, new LoadPlan { PerSecond = 90, Seconds = 4 });
        yield return One("one-half-500", "a pool of one that answers 500 half of the time", only with { Faults = [new(FaultName.Status, 500, 0.5)] }, new LoadPlan { PerSecond = 30, Seconds = 4, PatienceSeconds = 15 });
        yield return One("one-refused", "a pool of one that refuses connections for 2.5 s", only with { RefusesAt = 1, RefusesFor = 2.5 }, new LoadPlan { PerSecond = 60, Seconds = 5 });
        yield return One("one-hung", "a pool of one that accepts and never answers", only with { Faults = [new(FaultName.NeverAnswer)] }, new LoadPlan { PerSecond = 20, Seconds = 3, PatienceSeconds = 10 });
        yield return One("one-wrong-key", "a pool of one with a wrong key", only with { WrongKey = true }, new LoadPlan { PerSecond = 60, Seconds = 3 });
        yield return One("one-slow-10x", "a pool of one that is ten times slower", only with { MedianMilliseconds = 600 }, new LoadPlan { PerSecond = 40, Seconds = 5 });
        yield return One("one-filtered", "a pool of one, every fifth prompt is refused by the content filter", only with { IsBad = false }, new LoadPlan { PerSecond = 60, Seconds = 3, FilteredEach = 5 });
        yield return One("one-stream-cut", "a pool of one that cuts one stream in ten in the middle", only with { Faults = [new(FaultName.Cut, 5, 0.1)] }, new LoadPlan { PerSecond = 60, Seconds = 5, Streams = true });
        yield return One("one-stream-early", "a pool of one whose streams fail before content, a tenth", only with { Faults = [new(FaultName.Cut, 2, 0.1)] }, new LoadPlan { PerSecond = 60, Seconds = 4, Streams = true });
    }

    private static Scenario One(string name, string what, ResourceSpec only, LoadPlan load) => new(name, what, [only], load)
    {
        Contestants = [Contestant.Ours, Contestant.Single],
        AgainstPlain = (mine, plain) => NotWorse(mine.FailedPercent, mine.Percentile(0.99), plain.FailedPercent, plain.Percentile(0.99)),
        Target = "never worse than the plain client in failures and p99",
        Misses = result => [NoneWrong(result)],
    };

    internal static ResourceSpec[] Endpoints(int count) => [.. Enumerable.Range(0, count).Select(i => new ResourceSpec(string.Create(CultureInfo.InvariantCulture, $"e{i}")))];

    private static ResourceSpec[] Three(Func<ResourceSpec, ResourceSpec>? spoil = null) =>
        [.. Endpoints(3).Select((endpoint, i) => i == 0 && spoil is not null ? spoil(endpoint with { IsBad = true }) : endpoint)];

    /// <summary>How long after the given second the last of the calls was answered that were due before it.</summary>
    private static double ServedAfter(CellResult result, double second) =>
        result.Due(0, second).Where(record => record.Verdict == Verdict.Right).Max(record => record.Ended) - second;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
