namespace Dashboard.LiveView;

/// <summary>In seconds, or null where nothing was answered in the last ten seconds.</summary>
internal readonly record struct Latencies(double? Median, double? Slowest);

/// <summary>The latencies of the last ten seconds, at most the last 512. Not safe for concurrent use.</summary>
internal sealed class LatencyWindow(TimeProvider time)
{
    private const int Most = 512;
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(10);

    private readonly Queue<(long At, double Seconds)> _values = [];

    public void Add(double seconds)
    {
        if (_values.Count == Most)
        {
            _values.Dequeue();
        }

        _values.Enqueue((time.GetTimestamp(), seconds));
    }

    /// <summary>The median, and what one in twenty exceeds.</summary>
    public Latencies Read()
    {
        while (_values.TryPeek(out (long At, double Seconds) oldest) && time.GetElapsedTime(oldest.At) > Length)
        {
            _values.Dequeue();
        }

        double[] sorted = [.. _values.Select(static value => value.Seconds).Order()];
        return sorted.Length == 0 ? default : new(sorted[sorted.Length / 2], sorted[(int)(sorted.Length * 0.95)]);
    }
}
