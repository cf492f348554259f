using System.Globalization;
using static AzureOpenAI.RoundRobin.Scenarios.Reporting.Targets;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>
/// All scenarios of simulated time: answers of log-normal length with a median of 4 s and a sigma of 1, one in ten of 40 s; 5 calls a second at 2 endpoints,
/// unless a scenario says otherwise. The first endpoint is the bad one.
/// </summary>
internal static class SimulatedCatalogue
{
    private const int QuotaPerSecond = 10;

    public static IReadOnlyList<SimulatedScenario> All { get; } = [.. OfTwo(), .. Mixed(), .. Overloads(), LargeOverload(), Burst(), .. SimulatedQuotas.All, .. OfOne(), .. Rare(), .. WatchCatalogue.All];

    private static IEnumerable<SimulatedScenario> OfTwo()
    {
        yield return new("real-healthy", "healthy", Two())
        {
            Target = "counts differ by at most 1; 0 healthy calls moved or cut",
            Misses = result => [NoneFailed(result), AtMost("spread", result.Spread, 1), AtMost("calls moved", result.Attempts - result.Calls.Count, 0)],
        };

        yield return Hung("real-hung", "one takes calls from second 30 on and never answers them; those from before it answers", Trouble.Hangs);
        yield return Hung("real-frozen", "one answers nothing from second 30 on", Trouble.Freezes);

        yield return new("real-dead", "one refuses for 60 s", Two(new Spell(30, 90, Trouble.Refuses)))
        {
            Target = "0 failed; its return noticed within 15 s",
            Also = result => Text($"back after {result.BackAfter(0, 90):0.0} s, {result.Models[0].Arrivals.Count(at => at is >= 30 and < 90)} calls to it while dead"),
            Misses = result => [NoneFailed(result), AtMost("back after", result.BackAfter(0, 90), 15)],
        };

        yield return new("real-vanished", "connecting to one takes 5 s and fails, for 60 s", Two(new Spell(30, 90, Trouble.Vanished)))
        {
            Target = "0 failed; its return noticed within 15 s",
            Also = result => Text($"back after {result.BackAfter(0, 90):0.0} s, {result.Models[0].Arrivals.Count(at => at is >= 30 and < 90)} calls to it while gone, most extra {result.MostExtra:0.0} s"),
            Misses = result => [NoneFailed(result), AtMost("back after", result.BackAfter(0, 90), 15)],
        };

        yield return new("real-504", "one answers 504 after 60 s, for 5 minutes", Two(new Spell(30, 330, Trouble.TimesOut)))
        {
            Seconds = 420,
            Target = "0 failed; slowed only those picked before it was noticed",
            Also = result => Text($"back after {result.BackAfter(0, 330):0.0} s, {result.Models[0].Arrivals.Count(at => at is >= 30 and < 330)} calls to it while broken, most extra {result.MostExtra:0.0} s"),
            Misses = result => [NoneFailed(result), AtMost("slowed %", result.SlowedPercent, 8)],
        };
    }

    /// <summary>Two that are bad, one after the other and for half a minute together.</summary>
    private static IEnumerable<SimulatedScenario> Mixed()
    {
        FakeModelSpec hangs = new() { Spells = [new(30, 90, Trouble.Hangs)] };
        FakeModelSpec breaks = new() { Spells = [new(60, 120, Trouble.Breaks)] };
        FakeModelSpec limited = new() { Limit = 1 };
        yield return Mix("real-hung-and-broken", "one hangs for a minute, the other answers 500 from the middle of it on", most: 10, hangs, breaks);
        yield return Mix("real-hung-and-limited", "one hangs for a minute, the other takes one call a second", most: 20, hangs, limited);
        yield return Mix("real-hung-and-broken-of-3", "the same with a third that is well", most: 0, hangs, breaks, new());
        yield return Mix("real-hung-and-limited-of-3", "the same with a third that is well", most: 0, hangs, limited, new());
    }

    private static SimulatedScenario Mix(string name, string what, int most, params FakeModelSpec[] models) => new(name, what, models)
    {
        Seconds = 180,
        Target = Text($"at most {most} % failed"),
        Also = result => Text($"the first back after {result.BackAfter(0, 90):0.0} s"),
        Misses = result => [AtMost("failed %", result.FailedPercent, most), AtMost("silently wrong", result.Wrong, 0)],
    };

    private static SimulatedScenario Hung(string name, string what, Trouble trouble) => new(name, what, Two(new Spell(30, 1e9, trouble)))
    {
        Target = "0 failed; slowed only those picked before it was noticed, within 20 s",
        Also = result => Text($"{result.Models[0].Arrivals.Count(at => at >= 30)} calls to it while hung, most extra {result.MostExtra:0} s"),
        Misses = result => [NoneFailed(result), AtMost("calls to it while hung", result.Models[0].Arrivals.Count(at => at >= 30), 50)],
    };

    /// <summary>One and a half times what the limits admit, by the length of their windows and what their rejections say.</summary>
    private static IEnumerable<SimulatedScenario> Overloads()
    {
        foreach (int window in (int[])[1, 10, 60])
        {
            foreach (Hint hint in Enum.GetValues<Hint>())
            {
                FakeModelSpec model = new() { Limit = QuotaPerSecond / 2 * window, WindowSeconds = window, Hint = hint };
                string hints = hint switch { Hint.Exact => "exact hints", Hint.Rounded => "hints in whole seconds", _ => "no hints" };
                yield return Overload($"real-150-{window}s-{hint}", $"150 % of {QuotaPerSecond} a second for 120 s, windows of {window} s, {hints}; callers give up after 60 s", [model, model], QuotaPerSecond);
            }
        }
    }

    /// <summary>A large quota over short windows: what an endpoint takes in one window is far more than what it rejects while a client feels its way.</summary>
    private static SimulatedScenario LargeOverload()
    {
        FakeModelSpec model = new() { Limit = 60 };
        return Overload("real-150-large", "150 % of 120 a second for 60 s, windows of 1 s, exact hints; callers give up after 60 s", [model, model], 120) with { Seconds = 60 };
    }

    private static SimulatedScenario Burst()
    {
        FakeModelSpec model = new() { Limit = 100 };
        return new("real-burst", "1,000 calls at one instant on 4 x 100 a second, windows of 1 s, exact hints", [model, model, model, model])
        {
            PerSecond = 1_000_000,
            Seconds = 0.001,
            Target = "0 failed, at most 1.7 attempts",
            Also = result => Text($"the last was let in after {result.Models.SelectMany(model => model.Answered.Values).Max():0.0} s"),
            Misses = result => [NoneFailed(result), AtMost("attempts", result.AttemptsPerSuccess, 1.7)],
        };
    }

    private static IEnumerable<SimulatedScenario> OfOne()
    {
        yield return One("real-one-healthy", "a pool of one");
        yield return One("real-one-dead", "a pool of one that refuses for 60 s", new Spell(30, 90, Trouble.Refuses));
        yield return One("real-one-vanished", "a pool of one to which connecting takes 5 s and fails, for 60 s", new Spell(30, 90, Trouble.Vanished));
        yield return One("real-one-broken", "a pool of one that answers 500 for 20 s", new Spell(30, 50, Trouble.Breaks));
        yield return One("real-one-504", "a pool of one that answers 504 after 60 s, for 90 s", new Spell(30, 120, Trouble.TimesOut)) with { Seconds = 300 };
        yield return One("real-one-hung", "a pool of one that takes calls and never answers them, for 90 s", new Spell(30, 120, Trouble.Hangs)) with { Seconds = 300 };
        yield return One("real-one-frozen", "a pool of one that answers nothing, for a minute", new Spell(30, 90, Trouble.Freezes)) with { Seconds = 300 };
        yield return One("real-one-crawls", "a pool of one that is ten times slower for 90 s", new Spell(30, 120, Trouble.Crawls)) with { Seconds = 300 };
        yield return One("real-one-cuts", "a pool of one that cuts one stream in four, for a minute", new Spell(30, 90, Trouble.Cuts)) with { Streams = true };
        yield return One("real-one-stuck-streams", "a pool of one whose streams hang after the first content, for 90 s", new Spell(30, 120, Trouble.HangsAfterContent)) with { Seconds = 300, Streams = true };
        yield return Overload("real-one-150", "a pool of one at 150 % of 10 a second for 120 s, windows of 10 s, exact hints; callers give up after 60 s", [new() { Limit = 100, WindowSeconds = 10 }], QuotaPerSecond);
    }

    private static SimulatedScenario One(string name, string what, params Spell[] spells) => new(name, what, [new() { Spells = spells }])
    {
        Target = "never worse than the plain client in failures and p99",
        IsAgainstPlain = true,
        Also = result => spells is [var spell] ? Text($"back after {result.BackAfter(0, spell.To):0.0} s") : "",
        Misses = _ => [],
    };

    private static IEnumerable<SimulatedScenario> Rare()
    {
        yield return Rarely("real-rare-refuses", "one call a minute for an hour, one endpoint refuses", Trouble.Refuses, failedAttempt: 0.001);
        yield return Rarely("real-rare-vanished", "one call a minute for an hour, connecting to one takes 5 s and fails", Trouble.Vanished, failedAttempt: 5);
        yield return Rarely("real-rare-500", "one call a minute for an hour, one endpoint answers 500", Trouble.Breaks, failedAttempt: 0.02);
        yield return Rarely("real-rare-hung", "one call a minute for an hour, one endpoint hangs", Trouble.Hangs, failedAttempt: 100);
    }

    internal static SimulatedScenario Overload(string name, string what, IReadOnlyList<FakeModelSpec> models, int quota) => new(name, what, models)
    {
        PerSecond = 1.5 * quota,
        PatienceSeconds = 60,
        Target = "goodput at least 95 % of the quota in answers that were taken; the surplus refused within 50 ms",
        Also = result => Text($"goodput {result.GoodputPercent(quota):0.0} %, {result.RefusedWithinPercent(0.05):0} % of the refused within 50 ms{Estimates(result)}"),
        Misses = result => [AtLeast("goodput %", result.GoodputPercent(quota), 95), AtLeast("% of the refused within 50 ms", result.RefusedWithinPercent(0.05), 99)],
    };

    private static SimulatedScenario Rarely(string name, string what, Trouble trouble, double failedAttempt) => new(name, what, Two(new Spell(0, 1e9, trouble)))
    {
        PerSecond = 1.0 / 60,
        Seconds = 3600,
        Target = "no call slower than one failed attempt plus its own time",
        Also = result => Text($"most extra {result.MostExtra:0.###} s"),
        Misses = result => [NoneFailed(result), AtMost("most extra s", result.MostExtra, failedAttempt + 0.001)],
    };

    private static FakeModelSpec[] Two(params Spell[] spells) => [new() { Spells = spells }, new()];

    private static string Estimates(SimulatedResult result) => result.EstimateByWait() is var (middle, low, high)
        ? Text($", who named {middle:0.00} of the wait of those let in before them (p10 {low:0.00}, p90 {high:0.00})")
        : "";

    private static string? NoneFailed(SimulatedResult result) => AtMost("failed %", result.FailedPercent, 0);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
