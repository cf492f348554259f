using AzureOpenAI.Simulator;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>A kind of limiter, which each endpoint has with a rate of its own.</summary>
/// <param name="Name">As it stands in the names of cells.</param>
/// <param name="Of">The rules for calls a second and the mean time of an answer in seconds.</param>
internal sealed record LimiterKind(string Name, Func<int, double, LimitRules> Of)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    public static LimiterKind Leaky { get; } = Window("leaky", WindowKind.Leaky, 1);

    public static LimiterKind InFlight { get; } = new("in flight", (perSecond, mean) => Rules(null, Minute, WindowKind.Fixed) with
    {
        MaxRequestsInFlight = Math.Max(1, (int)Math.Round(perSecond * mean)),
    });

    public static LimiterKind Fixed60 { get; } = Window("fixed 60 s", WindowKind.Fixed, 60);

    public static IReadOnlyList<LimiterKind> All { get; } =
    [
        Window("fixed 1 s", WindowKind.Fixed, 1),
        Window("fixed 10 s", WindowKind.Fixed, 10),
        Fixed60,
        Window("log 1 s", WindowKind.Sliding, 1),
        Window("log 10 s", WindowKind.Sliding, 10),
        Window("bucket 1 s", WindowKind.Bucket, 1),
        Window("bucket 10 s", WindowKind.Bucket, 10),
        Leaky,
        InFlight,
    ];

    private static LimiterKind Window(string name, WindowKind kind, int seconds) =>
        new(name, (perSecond, _) => Rules(perSecond, TimeSpan.FromSeconds(seconds), kind));

    private static LimitRules Rules(int? perSecond, TimeSpan window, WindowKind kind) => new(60 * perSecond, window, kind, null, Minute, WindowKind.Fixed, CountRejected: false);
}
