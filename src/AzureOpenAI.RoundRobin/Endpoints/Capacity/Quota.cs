namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>A configured limit: never more than so much within any span of its period. Exact, since it remembers each take until it no longer counts.</summary>
/// <remarks>Not safe for concurrent use; the dispatcher's lock guards it.</remarks>
internal sealed class Quota(TimeProvider time, long limit, TimeSpan period)
{
    private readonly TimeProvider _time = time;
    private readonly Queue<(long At, long Cost)> _takes = new();
    private long _used;

    /// <summary>
    /// The service judges requests by the second or by ten, not by the minute, so a minute's are spread over the seconds.
    /// </summary>
    /// <param name="time">The source of all time.</param>
    /// <param name="perMinute">The limit.</param>
    /// <param name="before">Whose takes count on, where the limit was another one.</param>
    public static Quota OfRequests(TimeProvider time, int perMinute, Quota? before = null)
    {
        int atOnce = Math.Max(1, perMinute / 60);
        return new Quota(time, atOnce, atOnce * TimeSpan.FromMinutes(1) / perMinute).After(before);
    }

    /// <inheritdoc cref="OfRequests"/>
    public static Quota OfTokens(TimeProvider time, int perMinute, Quota? before = null) => new Quota(time, perMinute, TimeSpan.FromMinutes(1)).After(before);

    /// <summary>Whether there is room for so much more. What exceeds the whole limit goes once nothing else counts: what is too much is the service's to say.</summary>
    public bool HasRoom(long cost) => _used == 0 || _used + cost <= limit;

    public void Take(long cost, long now)
    {
        _takes.Enqueue((now, cost));
        _used += cost;
    }

    /// <summary>Forgets what no longer counts.</summary>
    public void Advance(long now)
    {
        while (_takes.TryPeek(out (long At, long Cost) oldest) && _time.After(oldest.At, period) <= now)
        {
            _used -= _takes.Dequeue().Cost;
        }
    }

    /// <summary>When there will be room for so much more.</summary>
    public long RoomAt(long cost)
    {
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

    /// <summary>When more will be free than now.</summary>
    public long NextChange => _takes.TryPeek(out (long At, long Cost) oldest) ? _time.After(oldest.At, period) : long.MaxValue;

    /// <summary>How many takes of 1 it has room for from now on within <paramref name="span"/>, if each comes as soon as it may.</summary>
    public double Within(TimeSpan span, long now)
    {
        // What is free goes now, and what was taken comes back after a period; either then goes again each period.
        double within = Math.Max(0, limit - _used) * (1 + Math.Floor(span / period));
        foreach ((long at, long cost) in _takes)
        {
            TimeSpan back = _time.Until(now, _time.After(at, period));
            within += back > span ? 0 : cost * (1 + Math.Floor((span - back) / period));
        }

        return within;
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
