namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>
/// A configured limit: never more than the limit within any span of its period. A sliding-window log, so it is exact, but for takes within 10 us of each other: they count until the last of
/// them is over, so that the log has a bound whatever the limit is.
/// </summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class Quota(TimeProvider time, long limit, TimeSpan period)
{
    /// <summary>Of fewer that one process may take, each counts for itself.</summary>
    private const double FewOfPart = 4;

    private static readonly TimeSpan Together = TimeSpan.FromMicroseconds(10);

    private readonly long _span = time.After(0, period);
    private readonly long _together = time.After(0, Together);
    // Takes are numbered, and lie in a ring: the length is a power of two, so that the lower bits of a number are its place.
    private (long At, long Total)[] _takes = new (long, long)[4];
    private uint _first;
    private uint _next;
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

    /// <summary>The part of the limit that one of several processes may use; at least one take in two periods. The period is shorter where the part is no whole number, so that all parts together are the limit. What has been taken counts against it.</summary>
    public Quota Part(double share)
    {
        double units = share * limit;
        // Lest all processes take all of theirs at one time.
        long most = share < 1 && units < FewOfPart ? 1 : (long)units;
        return new Quota(time, most, period * (most / Math.Max(0.5, units))).After(this);
    }

    /// <summary>What was taken within the last period.</summary>
    public long TakenWithinPeriod(long now)
    {
        Forget(now);
        return Used;
    }

    /// <summary>Whether there is room for this cost. A cost above the whole limit has room once nothing else counts: the service decides on it.</summary>
    public bool HasRoom(long cost, long now)
    {
        // Takes that are over may still be counted here: where there is room all the same, nobody looks at the log.
        if (Used + cost <= limit)
        {
            return true;
        }

        Forget(now);
        return Used == 0 || Used + cost <= limit;
    }

    /// <summary>Takes 1, if there is room for it.</summary>
    public bool TryTake(long now)
    {
        if (!HasRoom(1, now))
        {
            return false;
        }

        Take(1, now);
        return true;
    }

    public void Take(long cost, long now)
    {
        _total += cost;
        if (now >= _lastUntil || _next == _first)
        {
            if (_next - _first == _takes.Length)
            {
                MakePlace(now);
            }

            _next++;
            _lastUntil = now + _together;
        }

        TakeOf(_next - 1) = (now, _total);
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
        (uint first, uint last) = (_first, _next - 1);
        while (first != last)
        {
            Visits.Add();
            uint middle = first + ((last - first) / 2);
            (first, last) = TakeOf(middle).Total >= needed ? (first, middle) : (middle + 1, last);
        }

        return TakeOf(first).At + _span;
    }

    private ref (long At, long Total) TakeOf(uint number) => ref _takes[number & (uint)(_takes.Length - 1)];

    /// <summary>Forgets what no longer counts.</summary>
    private void Forget(long now)
    {
        for (; _first != _next && TakeOf(_first).At + _span <= now; _first++)
        {
            Visits.Add();
            _forgotten = TakeOf(_first).Total;
        }
    }

    /// <summary>The log is full: forgets what no longer counts, and makes it larger where that is less than a quarter of it.</summary>
    private void MakePlace(long now)
    {
        Forget(now);
        if (_next - _first <= _takes.Length / 4 * 3)
        {
            return;
        }

        (long, long)[] more = new (long, long)[2 * _takes.Length];
        for (uint number = _first; number != _next; number++)
        {
            more[number & (uint)(more.Length - 1)] = TakeOf(number);
        }

        _takes = more;
    }

    private Quota After(Quota? before)
    {
        if (before is not null)
        {
            before.Forget(time.GetTimestamp());
            _takes = [.. before._takes];
            (_first, _next, _total, _forgotten) = (before._first, before._next, before._total, before._forgotten);
        }

        return this;
    }
}
