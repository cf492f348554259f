namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>The windows by which the service is known to count, and which of them a measured time most likely was.</summary>
internal static class ServiceWindows
{
    /// <summary>Timers fire, and clocks differ, by so little that a window measured this much too short is still the same.</summary>
    private const double LeastMeasured = 0.98;

    /// <summary>Hints are rounded up to whole seconds, and a rejection comes later than the opening that it is measured from.</summary>
    private const double MostMeasured = 1.3;

    /// <summary>Requests are counted by one second or ten, tokens by the minute.</summary>
    private static readonly TimeSpan[] All = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(60)];

    /// <summary>The service's window that was measured, or null if the endpoint counts by something else.</summary>
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

    /// <summary>The shortest of the service's windows that so much time fits into, or that time itself where it is longer than all.</summary>
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
