namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>
/// A configured limit: never more than the limit within any span of its period. A sliding-window log, so it is exact, but for takes within 10 us of each other: they count until the last of
/// them is over, so that the log has a bound whatever the limit is.
/// </summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class Quota(TimeProvider time, long limit, TimeSpan period)
{
    private static readonly TimeSpan Together = TimeSpan.FromMicroseconds(10);

    private readonly long _span = time.After(0, period);
    private readonly long _together = time.After(0, Together);
    private readonly List<(long At, long Total)> _takes = [];
    private int _first;
    private long _total;
    private long _forgotten;
    private long _lastUntil = long.MinValue;

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

    /// <summary>The most within any span of <see cref="Period"/>.</summary>
    public long Limit => limit;

    public TimeSpan Period => period;

    private long Used => _total - _forgotten;

    /// <summary>The part of the limit that one of several processes may use; at least one take in two periods. What has been taken counts against it.</summary>
    public Quota Part(double share)
    {
        double units = share * limit;
        return (units >= 1 ? new Quota(time, (long)units, period) : new Quota(time, 1, period / Math.Max(0.5, units))).After(this);
    }

    /// <summary>What was taken within the last period.</summary>
    public long TakenWithinPeriod(long now)
    {
        Advance(now);
        return Used;
    }

    /// <summary>Whether there is room for this cost. A cost above the whole limit has room once nothing else counts: the service decides on it.</summary>
    public bool HasRoom(long cost, long now)
    {
        Advance(now);
        return Used == 0 || Used + cost <= limit;
    }

    public void Take(long cost, long now)
    {
        Advance(now);
        _total += cost;
        if (now < _lastUntil && _takes.Count > _first)
        {
            _takes[^1] = (now, _total);
            return;
        }

        _takes.Add((now, _total));
        _lastUntil = now + _together;
    }

    /// <summary>When there will be room for this cost; in the past where there is now.</summary>
    public long RoomAt(long cost, long now)
    {
        if (HasRoom(cost, now))
        {
            return long.MinValue;
        }

        // The first take after whose end there is room: totals only grow, so it is found by halves.
        long needed = Math.Min(_total, _total + cost - limit);
        (int first, int last) = (_first, _takes.Count - 1);
        while (first < last)
        {
            Visits.Add();
            int middle = (first + last) / 2;
            (first, last) = _takes[middle].Total >= needed ? (first, middle) : (middle + 1, last);
        }

        return _takes[first].At + _span;
    }

    /// <summary>Forgets what no longer counts.</summary>
    private void Advance(long now)
    {
        for (; _first < _takes.Count && _takes[_first].At + _span <= now; _first++)
        {
            Visits.Add();
            _forgotten = _takes[_first].Total;
        }

        // At most as many are moved as were forgotten since the last time.
        if (2 * _first > _takes.Count)
        {
            _takes.RemoveRange(0, _first);
            _first = 0;
        }
    }

    private Quota After(Quota? before)
    {
        if (before is not null)
        {
            _takes.AddRange(before._takes);
            (_first, _total, _forgotten) = (before._first, before._total, before._forgotten);
        }

        return this;
    }
}
