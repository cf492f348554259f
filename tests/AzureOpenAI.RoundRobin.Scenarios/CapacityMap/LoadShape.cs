namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>When calls come.</summary>
/// <param name="Name">As it stands in the names of cells.</param>
/// <param name="Arrivals">The times in seconds, in order, for the calls a second that the limits admit, the seconds of the load, and a source of chance.</param>
internal sealed record LoadShape(string Name, Func<double, double, Random, IEnumerable<double>> Arrivals)
{
    private const int BurstCalls = 1000;

    public static LoadShape Burst { get; } = new("burst", (_, _, _) => Enumerable.Repeat(0d, BurstCalls));

    /// <summary>So many calls that endpoints refuse some whatever a client does.</summary>
    public bool IsOverload { get; private init; }

    /// <summary>The queue is short by the oracle, so its waits say something about a client.</summary>
    public bool HasShortWaits { get; private init; }

    /// <summary>Calls at random times, so that their number in a second is Poisson's.</summary>
    public static LoadShape Steady(int percent) => new($"{percent} %", (quota, seconds, random) => Poisson(quota * percent / 100, seconds, random))
    {
        IsOverload = percent > 100,
        HasShortWaits = percent < 100,
    };

    private static IEnumerable<double> Poisson(double perSecond, double seconds, Random random)
    {
#pragma warning disable CA5394 // The same numbers in every run are what is wanted.
        for (double at = Gap(random); at < seconds; at += Gap(random))
        {
            yield return at;
        }

        double Gap(Random random) => -Math.Log(1 - random.NextDouble()) / perSecond;
#pragma warning restore CA5394
    }
}
