namespace AzureOpenAI.RoundRobin;

/// <summary>Arithmetic on <see cref="TimeProvider.GetTimestamp"/>, which is monotonic and never the wall clock, and on durations.</summary>
internal static class Timestamps
{
    /// <summary>The timestamp that is <paramref name="duration"/> later, or the largest one.</summary>
    public static long After(this TimeProvider time, long timestamp, TimeSpan duration)
    {
        double ticks = duration.TotalSeconds * time.TimestampFrequency;
        return ticks >= long.MaxValue - timestamp ? long.MaxValue : timestamp + (long)Math.Ceiling(ticks);
    }

    /// <summary>How far <paramref name="later"/> is ahead of <paramref name="now"/>; never negative.</summary>
    public static TimeSpan Until(this TimeProvider time, long now, long later) =>
        later <= now ? TimeSpan.Zero : time.GetElapsedTime(now, later);

    public static TimeSpan Min(TimeSpan left, TimeSpan right) => left < right ? left : right;

    public static TimeSpan Max(TimeSpan left, TimeSpan right) => left > right ? left : right;
}
