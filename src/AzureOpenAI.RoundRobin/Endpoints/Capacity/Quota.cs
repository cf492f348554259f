namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>A configured limit: never more than the limit within any span of its period. A sliding-window log, so it is exact.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class Quota(TimeProvider time, long limit, TimeSpan period)
{
    private readonly TimeProvider _time = time;
    private readonly Queue<(long At, long Cost)> _takes = new();
    private long _used;

    /// <summary>
    /// A limit of requests. The service counts them in windows of 1 or 10 s, not of a minute, so a minute's requests are spread over its seconds.
    /// </summary>
    /// <param name="time">The source of all time.</param>
    /// <param name="perMinute">The limit.</param>
    /// <param name="before">The limit that this replaces, whose takes still count.</param>
    public static Quota OfRequests(TimeProvider time, int perMinute, Quota? before = null)
    {
        int atOnce = Math.Max(1, perMinute / 60);
        return new Quota(time, atOnce, atOnce * TimeSpan.FromMinutes(1) / perMinute).After(before);
    }

    /// <inheritdoc cref="OfRequests"/>
    public static Quota OfTokens(TimeProvider time, int perMinute, Quota? before = null) => new Quota(time, perMinute, TimeSpan.FromMinutes(1)).After(before);

    /// <summary>The number of takes of 1 that it has room for in a second, in the long run.</summary>
    public double PerSecond => limit / period.TotalSeconds;

    /// <summary>Whether there is room for this cost. A cost above the whole limit has room once nothing else counts: the service decides on it.</summary>
    public bool HasRoom(long cost, long now)
    {
        Advance(now);
        return _used == 0 || _used + cost <= limit;
    }

    public void Take(long cost, long now)
    {
        _takes.Enqueue((now, cost));
        _used += cost;
    }

    /// <summary>When there will be room for this cost; in the past where there is now.</summary>
    public long RoomAt(long cost, long now)
    {
        Advance(now);
        long used = _used;
        long at = long.MinValue;
        foreach ((long takenAt, long taken) in _takes)
        {
            if (used == 0 || used + cost <= limit)
            {
                break;
            }

            used -= taken;
            at = _time.After(takenAt, period);
        }

        return at;
    }

    /// <summary>Forgets what no longer counts.</summary>
    private void Advance(long now)
    {
        while (_takes.TryPeek(out (long At, long Cost) oldest) && _time.After(oldest.At, period) <= now)
        {
            _used -= _takes.Dequeue().Cost;
        }
    }

    private Quota After(Quota? before)
    {
        foreach ((long at, long cost) in before?._takes ?? [])
        {
            Take(cost, at);
        }

        return this;
    }
}
