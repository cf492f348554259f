namespace AzureOpenAI.RoundRobin.Redis.Facts;

/// <summary>Knows the server's time to within half a trip: from the shortest of the last 16 trips, between whose ends a reply stated it.</summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed class ServerClock(TimeProvider time)
{
    private const int Kept = 16;

    /// <summary>More than trips explain: another server answers, after a failover.</summary>
    private const double JumpMilliseconds = 1000;

    private readonly Queue<Sample> _samples = new(Kept);
    private readonly Lock _lock = new();
    private volatile Sample? _best;

    /// <summary>The server's time in milliseconds; null before the first reply.</summary>
    public long? Now => Exact is { } now ? (long)Math.Round(now) : null;

    private double? Exact => _best is { } best ? Milliseconds(time.GetTimestamp()) + best.Offset : null;

    /// <summary>How long ago it was so late at the server, in milliseconds; less than zero where that is to come.</summary>
    public TimeSpan Since(double serverNow) => TimeSpan.FromMilliseconds((Exact ?? serverNow) - serverNow);

    /// <param name="sentAt">The timestamp before the request.</param>
    /// <param name="serverNow">What the reply said.</param>
    public void Learn(long sentAt, double serverNow)
    {
        double sent = Milliseconds(sentAt), received = Milliseconds(time.GetTimestamp());
        Sample sample = new(received - sent, serverNow - ((sent + received) / 2));
        lock (_lock)
        {
            if (_best is { } best && Math.Abs(sample.Offset - best.Offset) > ((sample.Trip + best.Trip) / 2) + JumpMilliseconds)
            {
                _samples.Clear();
            }

            if (_samples.Count == Kept)
            {
                _samples.Dequeue();
            }

            _samples.Enqueue(sample);
            _best = _samples.MinBy(static known => known.Trip);
        }
    }

    private double Milliseconds(long timestamp) => time.GetElapsedTime(0, timestamp).TotalMilliseconds;

    private sealed record Sample(double Trip, double Offset);
}
