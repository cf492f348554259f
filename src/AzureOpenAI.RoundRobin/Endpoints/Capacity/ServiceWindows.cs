namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>The windows by which the service is known to count, and the most likely one for a measured time.</summary>
internal static class ServiceWindows
{
    /// <summary>A measured window may be 2 % too short, for timers and clocks.</summary>
    private const double LeastMeasured = 0.98;

    /// <summary>A measured window may be 30 % too long: Retry-After is rounded up to whole seconds, and a rejection comes after the opening.</summary>
    private const double MostMeasured = 1.3;

    /// <summary>The service counts requests by 1 or 10 s, and tokens by the minute.</summary>
    private static readonly TimeSpan[] All = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(60)];

    /// <summary>The service's window that is nearest to the measured time, or null if none is near.</summary>
    public static TimeSpan? Match(TimeSpan measured)
    {
        foreach (TimeSpan window in All)
        {
            if (measured >= LeastMeasured * window && measured <= MostMeasured * window)
            {
                return window;
            }
        }

        return null;
    }

    /// <summary>The service's shortest window that is at least as long as the measured time; the measured time itself where it is longer than all.</summary>
    public static TimeSpan AtLeast(TimeSpan measured)
    {
        foreach (TimeSpan window in All)
        {
            if (measured <= window)
            {
                return window;
            }
        }

        return measured;
    }
}
