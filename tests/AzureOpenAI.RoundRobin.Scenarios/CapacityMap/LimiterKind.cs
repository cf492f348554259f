using AzureOpenAI.Simulator;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>A kind of limiter, which each endpoint has with a rate of its own.</summary>
/// <param name="Name">As it stands in the names of cells.</param>
/// <param name="Of">The rules for calls a second and the mean time of an answer in seconds.</param>
internal sealed record LimiterKind(string Name, Func<int, double, LimitRules> Of)
{
    private const double RequestsByTokens = 1.25;

    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    /// <summary>What a neighbour takes in each ten seconds, in turn.</summary>
    private static readonly double[] NeighbourShares = [0.2, 0.5, 0, 0.6, 0.3, 0.1, 0.6, 0, 0.4, 0.3, 0.6, 0];

    public static LimiterKind Fixed1 { get; } = Window("fixed 1 s", WindowKind.Fixed, 1);

    public static LimiterKind Fixed10 { get; } = Window("fixed 10 s", WindowKind.Fixed, 10);

    public static LimiterKind Fixed60 { get; } = Window("fixed 60 s", WindowKind.Fixed, 60);

    public static LimiterKind Log1 { get; } = Window("log 1 s", WindowKind.Sliding, 1);

    public static LimiterKind Log10 { get; } = Window("log 10 s", WindowKind.Sliding, 10);

    public static LimiterKind Weighted10 { get; } = Window("weighted 10 s", WindowKind.Weighted, 10);

    public static LimiterKind Bucket1 { get; } = Window("bucket 1 s", WindowKind.Bucket, 1);

    public static LimiterKind Bucket10 { get; } = Window("bucket 10 s", WindowKind.Bucket, 10);

    public static LimiterKind Leaky { get; } = Window("leaky", WindowKind.Leaky, 1) with { Class = LimiterClass.Leaky };

    public static LimiterKind InFlight { get; } = new("in flight", (perSecond, mean) => Rules(null, Minute, WindowKind.Fixed) with
    {
        MaxRequestsInFlight = Math.Max(1, (int)Math.Round(perSecond * mean)),
    })
    {
        Class = LimiterClass.InFlight,
    };

    /// <summary>Requests over a second and tokens over a minute, both at once.</summary>
    public static LimiterKind TokensAndRequests { get; } = Tokens("tokens 60 s and requests", WindowKind.Fixed, 60, perSecond => new LimitRules
    {
        RequestsPerMinute = (int)(60 * RequestsByTokens * perSecond),
        RequestWindow = TimeSpan.FromSeconds(1),
        RequestWindowKind = WindowKind.Sliding,
    });

    public static LimiterKind Provisioned { get; } = Tokens("provisioned", WindowKind.Bucket, 10, _ => new LimitRules { CorrectTokens = true }) with { IsProvisioned = true };

    /// <summary>Limits of requests over time that admit the same all the time.</summary>
    public static IReadOnlyList<LimiterKind> Steady { get; } =
    [
        Fixed1, Fixed10, Fixed60, Log1, Log10, Window("weighted 1 s", WindowKind.Weighted, 1), Weighted10, Bucket1, Bucket10, Leaky,
    ];

    /// <summary>Rejected calls count.</summary>
    public static IReadOnlyList<LimiterKind> Counting { get; } = [.. new[] { Fixed10, Log1, Log10, Weighted10 }.Select(kind => new LimiterKind(
        $"{kind.Name} counting rejected", (perSecond, mean) => kind.Of(perSecond, mean) with { CountRejected = true }))];

    public static IReadOnlyList<LimiterKind> OfTokens { get; } =
    [
        TokensAndRequests,
        Tokens("tokens log 10 s", WindowKind.Sliding, 10, _ => new LimitRules()),
        Tokens("tokens corrected", WindowKind.Bucket, 10, _ => new LimitRules { CorrectTokens = true }),
    ];

    /// <summary>A neighbour takes 0 to 60 %, and something else every ten seconds; the limit is cut to half for the second of four parts of the load.</summary>
    public static IReadOnlyList<LimiterKind> Changing { get; } = [.. new[] { Fixed10, Log1, Bucket1 }.SelectMany(kind => new[]
    {
        kind with
        {
            Name = $"{kind.Name} with a neighbour",
            Class = LimiterClass.Changing,
            Part = 1 - NeighbourShares.Average(),
            Changes = (_, seconds) => Enumerable.Range(0, (int)seconds / 10).Select(i => LimitChange.OfNeighbour(TimeSpan.FromSeconds(10 * i), NeighbourShares[i % NeighbourShares.Length])),
        },
        kind with
        {
            Name = $"{kind.Name} cut to half",
            Class = LimiterClass.Changing,
            Changes = (perSecond, seconds) =>
            [
                new LimitChange(TimeSpan.FromSeconds(seconds / 4), 30 * perSecond, null, null),
                new LimitChange(TimeSpan.FromSeconds((seconds / 4) + Math.Min(60, seconds / 2)), 60 * perSecond, null, null),
            ],
        },
    })];

    public LimiterClass Class { get; private init; }

    /// <summary>Its calls have sizes in tokens.</summary>
    public bool CountsTokens { get; private init; }

    /// <summary>Its limit is the utilisation of a provisioned deployment.</summary>
    public bool IsProvisioned { get; private init; }

    /// <summary>What it admits in the mean, as a part of the rate.</summary>
    public double Part { get; private init; } = 1;

    /// <summary>What changes while calls come, for calls a second and the seconds of the load.</summary>
    public Func<int, double, IEnumerable<LimitChange>> Changes { get; private init; } = (_, _) => [];

    private static LimiterKind Window(string name, WindowKind kind, int seconds) =>
        new(name, (perSecond, _) => Rules(perSecond, TimeSpan.FromSeconds(seconds), kind));

    private static LimiterKind Tokens(string name, WindowKind kind, int seconds, Func<int, LimitRules> others) => new(name, (perSecond, _) => others(perSecond) is var rules
        ? (rules.RequestsPerMinute is null ? rules with { RequestWindow = Minute } : rules) with
        {
            TokensPerMinute = (int)(60 * perSecond * (rules.CorrectTokens ? CallSize.MeanUsed : CallSize.MeanEstimate)),
            TokenWindow = TimeSpan.FromSeconds(seconds),
            TokenWindowKind = kind,
        }
        : default)
    {
        CountsTokens = true,
    };

    private static LimitRules Rules(int? perSecond, TimeSpan window, WindowKind kind) => new(60 * perSecond, window, kind, null, Minute, WindowKind.Fixed, CountRejected: false);
}
