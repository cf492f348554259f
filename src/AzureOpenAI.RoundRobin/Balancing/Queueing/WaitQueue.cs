namespace AzureOpenAI.RoundRobin.Balancing.Queueing;

/// <summary>
/// The calls that wait for an endpoint, first come first served, and the pace of their releases.
/// </summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class WaitQueue(TimeProvider time)
{
    /// <summary>The pace is measured over this many seconds, one slot each: the longest window of the service.</summary>
    private const int Slots = 60;

    private const long NotYet = long.MinValue;

    /// <summary>There is no estimate before the queue has moved for this long, the service's window for requests.</summary>
    private static readonly TimeSpan Observed = TimeSpan.FromSeconds(10);

    private readonly TimeProvider _time = time;
    private readonly PlacedHeap<Waiter, ByTicket> _waiters = new();
    private readonly PlacedHeap<Waiter, ByDeadline> _deadlines = new();
    private int[] _left = [];
    private long _movingSince;
    private long _slotAt;
    private long _nextTicket;

    public int Length => _waiters.Count;

    public Waiter? Head => _waiters.First;

    /// <summary>The call whose wait ends first.</summary>
    public Waiter? LeastPatient => _deadlines.First;

    /// <summary>No queued call may wait for longer.</summary>
    public long LatestDeadline { get; private set; }

    public long DrawTicket() => ++_nextTicket;

    /// <summary>Inserts the call in the order of tickets.</summary>
    public void Enqueue(Waiter waiter, long now)
    {
        if (_waiters.Count == 0)
        {
            BeginBusy(now);
        }

        LatestDeadline = Math.Max(LatestDeadline, waiter.Deadline);
        _waiters.Add(waiter);
        _deadlines.Add(waiter);
    }

    /// <summary>Takes the call out of the queue. False if it is no longer in it.</summary>
    public bool Remove(Waiter waiter) => _waiters.Remove(waiter) && _deadlines.Remove(waiter);

    /// <summary>A call was released to an endpoint.</summary>
    public void CountReleased(long now)
    {
        Advance(now);
        _movingSince = _movingSince == NotYet ? now : _movingSince;
        _left[Slot(_slotAt)]++;
    }

    /// <summary>A released call failed and returned, so its release does not count for the pace.</summary>
    public void CountReturned() => _left[Slot(_slotAt)] = Math.Max(0, _left[Slot(_slotAt)] - 1);

    /// <summary>The longest window of the service is in its pace.</summary>
    public bool HasMovedForAMinute(long now) => _waiters.Count > 0 && _movingSince != NotYet && _time.Until(_movingSince, now).TotalSeconds >= Slots;

    /// <summary>How long a newcomer would wait at the present pace; null where the pace is not known.</summary>
    public TimeSpan? EstimateWait(long now)
    {
        if (_waiters.Count == 0 || _movingSince == NotYet || _time.Until(_movingSince, now) < Observed)
        {
            return null;
        }

        Advance(now);
        int left = _left.Sum();
        double moving = _time.Until(_movingSince, now).TotalSeconds;
        // Before 60 s of movement the next window of the service may begin at any moment, so no forecast is longer than that.
        double most = moving < Slots ? Slots : 86400;
        return left == 0 ? null : TimeSpan.FromSeconds(Math.Min(most, (_waiters.Count + 1) * Math.Min(Slots, moving) / left));
    }

    private static int Slot(long second) => (int)(second % Slots);

    private void BeginBusy(long now)
    {
        if (_left.Length == 0)
        {
            _left = new int[Slots];
        }

        Array.Clear(_left);
        LatestDeadline = now;
        _movingSince = NotYet;
        _slotAt = Second(now);
    }

    private void Advance(long now)
    {
        long second = Second(now);
        for (long passed = Math.Max(_slotAt, second - Slots) + 1; passed <= second; passed++)
        {
            _left[Slot(passed)] = 0;
        }

        _slotAt = Math.Max(_slotAt, second);
    }

    private long Second(long timestamp) => Math.Abs(timestamp / _time.TimestampFrequency);
}
