using System.Globalization;
using AzureOpenAI.Simulator;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>One place of the map: how the endpoints are limited, what they say of it, and which calls come.</summary>
internal sealed record MapCell(LimiterKind Limiter, HintForm Hint, LoadShape Load, AnswerTimes Answers)
{
    private const double ShortSeconds = 0.06;
    private const double MedianSeconds = 4;
    private const double LongestSeconds = 90;

    /// <summary>The calls a second that each endpoint admits.</summary>
    public IReadOnlyList<int> Rates { get; init; } = [60, 30, 10];

    /// <summary>How long calls come.</summary>
    public double Seconds { get; init; } = 120;

    public string Name => string.Create(CultureInfo.InvariantCulture, $"{Limiter.Name}, {HintName}, {Load.Name}, {(Answers == AnswerTimes.Short ? "60 ms" : "4 s")}");

    public string HintName => Hint.ToString().ToLowerInvariant();

    /// <summary>The same in every run and for every client, and another for each cell.</summary>
    public int Seed => Name.Aggregate(17, (seed, letter) => unchecked((seed * 31) + letter)) & int.MaxValue;

    public bool IsBurst => Load == LoadShape.Burst;

    public IEnumerable<LimitRules> Rules => Rates.Select(rate => Limiter.Of(rate, MeanSeconds));

    /// <summary>The calls a second that all endpoints admit together.</summary>
    private double Quota => Rules.Select((rules, i) => rules.MaxRequestsInFlight / MeanSeconds ?? Rates[i]).Sum();

    private double MeanSeconds => Answers == AnswerTimes.Short ? ShortSeconds : MedianSeconds * Math.Exp(0.5);

    public MapCall[] Calls()
    {
#pragma warning disable CA5394 // The same numbers in every run are what is wanted.
        Random random = new(Seed);
#pragma warning restore CA5394
        double[] arrivals = [.. Load.Arrivals(Quota, Seconds, random)];
        return [.. arrivals.Select(due => new MapCall(due, OwnSeconds(random)))];
    }

    private double OwnSeconds(Random random)
    {
#pragma warning disable CA5394
        double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
#pragma warning restore CA5394
        return Answers == AnswerTimes.Short ? ShortSeconds : Math.Min(LongestSeconds, MedianSeconds * Math.Exp(normal));
    }
}
