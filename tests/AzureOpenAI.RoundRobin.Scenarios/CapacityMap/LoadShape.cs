namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>When calls come.</summary>
/// <param name="Name">As it stands in the names of cells.</param>
/// <param name="Arrivals">The times in seconds, in order, for the calls a second that the limits admit, the seconds of the load, and a source of chance.</param>
internal sealed record LoadShape(string Name, Func<double, double, Random, IEnumerable<double>> Arrivals)
{
    private const int BurstCalls = 1000;
    private const double OnSeconds = 10;
    private const double OnPart = 1.5;
    private const double RampEnd = 2;

    public static LoadShape Burst { get; } = new("burst", (_, _, _) => Enumerable.Repeat(0d, BurstCalls));

    /// <summary>Half as many calls again as the limits admit for ten seconds, and none for the next ten.</summary>
    public static LoadShape OnOff { get; } = new("on and off", (quota, seconds, random) => Poisson(quota * OnPart, seconds, random, at => at % (2 * OnSeconds) < OnSeconds ? 1 : 0));

    /// <summary>From nothing to twice what the limits admit.</summary>
    public static LoadShape Ramp { get; } = new("ramp", (quota, seconds, random) => Poisson(quota * RampEnd, seconds, random, at => at / seconds));

    /// <summary>Workers that make one call after the other; the times are those of an oracle or client, so there are as many calls as could ever be made.</summary>
    public static LoadShape Closed { get; } = new("8 workers", (_, seconds, _) => Enumerable.Repeat(0d, (int)(8 * seconds / MapCell.ShortSeconds))) { Workers = 8 };

    /// <summary>So many calls that endpoints refuse some whatever a client does.</summary>
    public bool IsOverload { get; private init; }

    /// <summary>Of a closed loop; 0 for calls that come when they come.</summary>
    public int Workers { get; private init; }

    /// <summary>Calls at random times, so that their number in a second is Poisson's.</summary>
    public static LoadShape Steady(int percent) => new($"{percent} %", (quota, seconds, random) => Poisson(quota * percent / 100, seconds, random, _ => 1))
    {
        IsOverload = percent > 100,
    };

    /// <summary>The part of the most calls a second that comes at each time is given.</summary>
    private static IEnumerable<double> Poisson(double most, double seconds, Random random, Func<double, double> part)
    {
#pragma warning disable CA5394 // The same numbers in every run are what is wanted.
        for (double at = Gap(); at < seconds; at += Gap())
        {
            if (random.NextDouble() < part(at))
            {
                yield return at;
            }
        }

        double Gap() => -Math.Log(1 - random.NextDouble()) / most;
#pragma warning restore CA5394
    }
}
