using AzureOpenAI.RoundRobin.Scenarios.Load;
using AzureOpenAI.RoundRobin.Scenarios.Server;

namespace AzureOpenAI.RoundRobin.Scenarios.FleetS;

/// <summary>What runs first and is not reported, so that nobody's figures hold the compiler's time.</summary>
internal static class WarmUp
{
    public static IReadOnlyList<Scenario> Scenarios { get; } = [Of(streams: false), Of(streams: true)];

    private static Scenario Of(bool streams) => new(
        "warm-up", "", [new("a") { Faults = [new(FaultName.Status, 503, 0.2)] }, new("b") { PerSecond = 40 }, new("c")], new LoadPlan { PerSecond = 60, Seconds = 1.5, Streams = streams })
    {
        Target = "",
        Misses = _ => [],
    };
}
