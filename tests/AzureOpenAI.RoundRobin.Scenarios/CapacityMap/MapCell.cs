using System.Globalization;
using AzureOpenAI.Simulator;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>One place of the map: how the endpoints are limited, what they say of it, and which calls come.</summary>
internal sealed record MapCell(LimiterKind Limiter, HintForm Hint, LoadShape Load, AnswerTimes Answers)
{
    public const double ShortSeconds = 0.06;
    private const double MedianSeconds = 4;
    private const double LongestSeconds = 90;

    private static readonly IReadOnlyList<int> UsualRates = [60, 30, 10];

    /// <summary>The calls a second that each endpoint admits.</summary>
    public IReadOnlyList<int> Rates { get; init; } = UsualRates;

    public HeaderForm Headers { get; init; }

    /// <summary>How long calls come.</summary>
    public double Seconds { get; init; } = 120;

    public string Name => string.Join(", ", new[]
    {
        Limiter.Name,
        HintName,
        Load.Name,
        Answers == AnswerTimes.Short ? "60 ms" : "4 s",
        Rates == UsualRates ? null : string.Create(CultureInfo.InvariantCulture, $"{Rates.Count} endpoints"),
        Headers == HeaderForm.Absent ? null : $"headers {(Headers == HeaderForm.Right ? "right" : "lying")}",
    }.OfType<string>());

    public string HintName => Hint == HintForm.Turns ? "changing" : Hint.ToString().ToLowerInvariant();

    /// <summary>The same in every run and for every client, and another for each cell.</summary>
    public int Seed => Name.Aggregate(17, (seed, letter) => unchecked((seed * 31) + letter)) & int.MaxValue;

    public bool IsBurst => Load == LoadShape.Burst;

    /// <summary>The calls a second that all endpoints admit together.</summary>
    private double Quota => Rates.Sum(rate => Limiter.Of(rate, MeanSeconds).MaxRequestsInFlight / MeanSeconds ?? (rate * Limiter.Part));

    /// <summary>The longest window of the limits.</summary>
    public double WindowSeconds => Limiter.Of(Rates[0], MeanSeconds) is var rules
        ? Math.Max(rules.RequestsPerMinute is null ? 0 : rules.RequestWindow.TotalSeconds, rules.TokensPerMinute is null ? 0 : rules.TokenWindow.TotalSeconds)
        : 0;

    private double MeanSeconds => Answers == AnswerTimes.Short ? ShortSeconds : MedianSeconds * Math.Exp(0.5);

    public EndpointLimit[] Limits(TimeProvider time)
    {
        SimulatorClock clock = new(time);
        return [.. Rates.Select(rate => new EndpointLimit(Limiter, Limiter.Of(rate, MeanSeconds), Limiter.Changes(rate, Seconds), clock))];
    }

    public MapCall[] Calls()
    {
#pragma warning disable CA5394 // The same numbers in every run are what is wanted.
        Random random = new(Seed);
#pragma warning restore CA5394
        double[] arrivals = [.. Load.Arrivals(Quota, Seconds, random)];
        return [.. arrivals.Select(due => new MapCall(due, OwnSeconds(random), Limiter.CountsTokens ? CallSize.Next(random) : default))];
    }

    private double OwnSeconds(Random random) => Answers == AnswerTimes.Short ? ShortSeconds : Math.Min(LongestSeconds, MedianSeconds * Math.Exp(Normal.Next(random)));
}
