using System.Globalization;
using static AzureOpenAI.RoundRobin.Scenarios.Reporting.Targets;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>
/// What tells silent and slow endpoints from healthy ones that have long calls: a million healthy calls, of which none may be taken wrongly, and endpoints
/// that hang or crawl in several ways. The bad ones are the first.
/// </summary>
internal static class WatchCatalogue
{
    private const double Onset = 30;
    private const double Forever = 1e9;

    public static IReadOnlyList<SimulatedScenario> All { get; } = [.. Healthy(), .. Hanging(), .. HangingAtAnyRate(), .. Crawling()];

    private static IEnumerable<SimulatedScenario> Healthy()
    {
        yield return Well("real-million-2", "150,000 healthy calls, 2 endpoints", Models(2), 150_000, 5);
        yield return Well("real-million-3", "150,000 healthy calls, 3 endpoints", Models(3), 150_000, 20);
        yield return Well("real-million-8", "200,000 healthy calls, 8 endpoints", Models(8), 200_000, 60);
        yield return Well("real-million-8-few", "50,000 healthy calls, 8 endpoints, 5 calls a second", Models(8), 50_000, 5);
        yield return Well("real-million-bimodal-2", "100,000 healthy calls, half of 0.4 s and half of 40 s, 2 endpoints", Models(2), 100_000, 10) with { Sizes = Sizes.Bimodal };
        yield return Well("real-million-bimodal-3", "100,000 healthy calls, half of 0.4 s and half of 40 s, 3 endpoints", Models(3), 100_000, 10) with { Sizes = Sizes.Bimodal };
        yield return Well("real-million-bimodal-8", "100,000 healthy calls, half of 0.4 s and half of 40 s, 8 endpoints", Models(8), 100_000, 40) with { Sizes = Sizes.Bimodal };
        yield return Well("real-million-short", "200,000 healthy calls of 60 ms, 3 endpoints", Models(3), 200_000, 60) with { Sizes = Sizes.Short };
        yield return Well("real-million-short-few", "20,000 healthy calls of 60 ms, 2 endpoints, one call in 5 s", Models(2), 20_000, 0.2) with { Sizes = Sizes.Short };
        yield return Well("real-million-streams", "50,000 healthy streams, 3 endpoints", Models(3), 50_000, 10) with { Streams = true };
        yield return Well("real-million-weights", "50,000 healthy calls, weights 1, 3 and 10", Models(3), 50_000, 10) with { Weights = [1, 3, 10] };
        yield return Well("real-million-long", "50,000 healthy streams, all of one endpoint five times as long, 3 endpoints", [new() { Times = 5 }, .. Models(2)], 50_000, 10) with { Streams = true };
    }

    private static IEnumerable<SimulatedScenario> Hanging()
    {
        yield return Bad("real-hung-1-of-8", "one of 8 hangs for newcomers, 20 calls a second", 8, 1, Trouble.Hangs, 20, most: 50);
        yield return Bad("real-hung-2-of-4", "two of 4 hang for newcomers, 10 calls a second", 4, 2, Trouble.Hangs, 10, most: 60);
        yield return Bad("real-hung-seldom", "one of 2 hangs for newcomers, one call a second", 2, 1, Trouble.Hangs, 1, most: 30) with { Seconds = 600 };
        yield return Bad("real-hung-often", "one of 2 hangs for newcomers, 60 calls a second", 2, 1, Trouble.Hangs, 60, most: 200) with { Seconds = 90 };
        yield return Bad("real-hung-streams", "one of 2 sends the first update of its streams, without content, and hangs", 2, 1, Trouble.HangsBeforeContent, 5, most: 50) with { Streams = true };
        yield return Bad("real-stuck-streams", "one of 2 sends the first content of its streams and hangs", 2, 1, Trouble.HangsAfterContent, 5, most: 100) with
        {
            Streams = true,
            Target = "those that had no content are answered; at most 100 calls to it while it hangs",
            Misses = result => [NoneWrong(result), AtMost("calls to one while it hangs", Most(result, 1), 100)],
        };
    }

    /// <summary>Short answers, and few calls: no minimum of calls in flight is ever reached, and age alone tells.</summary>
    private static IEnumerable<SimulatedScenario> HangingAtAnyRate()
    {
        foreach ((string name, double perSecond) in new[] { ("60", 60.0), ("5", 5), ("1", 1), ("fifth", 0.2) })
        {
            yield return Aged($"real-aged-2-{name}", $"one of 2 hangs for newcomers, {perSecond} calls a second of 60 ms", 2, perSecond);
            yield return Aged($"real-aged-3-{name}", $"one of 3 hangs for newcomers, {perSecond} calls a second of 60 ms", 3, perSecond);
        }
    }

    private static IEnumerable<SimulatedScenario> Crawling()
    {
        SimulatedScenario crawling = Bad("real-crawls", "one of 3 is ten times slower for 5 minutes, 10 calls a second", 3, 1, Trouble.Crawls, 10, most: int.MaxValue);
        yield return crawling with
        {
            Models = [new() { Spells = [new(Onset, Onset + 300, Trouble.Crawls)] }, .. Models(2)],
            Seconds = 600,
            Target = "0 failed; at most a tenth of its calls once it is noticed; its share back within 5 minutes",
            Also = result => Text($"{result.Models[0].Arrivals.Count(at => at is >= Onset + 120 and < Onset + 300)} calls to it in the last 3 minutes of it, share back after {result.ShareBackAfter(0, Onset + 300):0} s"),
            Misses = result =>
            [
                NoneFailed(result), AtMost("calls to it once noticed", result.Models[0].Arrivals.Count(at => at is >= Onset + 120 and < Onset + 300), 75),
                AtMost("share back after", result.ShareBackAfter(0, Onset + 300), 300),
            ],
        };
    }

    private static SimulatedScenario Well(string name, string what, IReadOnlyList<FakeModelSpec> models, int calls, double perSecond) => new(name, what, models)
    {
        PerSecond = perSecond,
        Seconds = calls / perSecond,
        PatienceSeconds = 2000,
        Contestants = [SimulatedContestant.All[0].Name],
        Target = "0 taken for silent, 0 moved or cut, within 1 call of an even share",
        Also = result => Text($"{result.SilentVerdicts} taken for silent, {result.Attempts - result.Calls.Count} moved, {result.OffShare:0.0} off its share"),
        Misses = result =>
        [
            NoneFailed(result), NoneWrong(result), AtMost("taken for silent", result.SilentVerdicts, 0),
            AtMost("calls moved", result.Attempts - result.Calls.Count, 0), AtMost("off its share", result.OffShare, 1),
        ],
    };

    private static SimulatedScenario Bad(string name, string what, int count, int bad, Trouble trouble, double perSecond, int most) =>
        new(name, what, [.. Models(count).Select((model, i) => i < bad ? model with { Spells = [new(Onset, Forever, trouble)] } : model)])
        {
            PerSecond = perSecond,
            Target = Text($"0 failed; at most {most} calls to each while it hangs"),
            Also = result => Text($"{Most(result, bad)} calls to one while it hangs, {result.SilentVerdicts} times taken for silent, most extra {result.MostExtra:0} s"),
            Misses = result => [NoneFailed(result), NoneWrong(result), AtMost("calls to one while it hangs", Most(result, bad), most)],
        };

    private static SimulatedScenario Aged(string name, string what, int count, double perSecond)
    {
        double onset = Math.Max(Onset, 150 / perSecond);
        return new(name, what, [new() { Spells = [new(onset, Forever, Trouble.Hangs)] }, .. Models(count - 1)])
        {
            Sizes = Sizes.Short,
            PerSecond = perSecond,
            Seconds = onset + Math.Max(60, 50 / perSecond),
            Contestants = [SimulatedContestant.All[0].Name],
            Target = "0 failed; no call takes more than 15 s beyond its own time",
            Also = result => Text($"{result.Models[0].Arrivals.Count(at => at >= onset)} calls to it while it hangs, {result.SilentVerdicts} times taken for silent, most extra {result.MostExtra:0.0} s"),
            Misses = result => [NoneFailed(result), NoneWrong(result), AtMost("most extra", result.MostExtra, 15)],
        };
    }

    private static int Most(SimulatedResult result, int bad) => result.Models.Take(bad).Max(model => model.Arrivals.Count(at => at >= Onset));

    private static FakeModelSpec[] Models(int count) => [.. Enumerable.Range(0, count).Select(_ => new FakeModelSpec())];

    private static string? NoneFailed(SimulatedResult result) => AtMost("failed %", result.FailedPercent, 0);

    private static string? NoneWrong(SimulatedResult result) => AtMost("silently wrong", result.Wrong, 0);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
