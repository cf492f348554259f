namespace AzureOpenAI.RoundRobin.Balancing.Queueing;

/// <summary>
/// The calls that wait for an endpoint, first come first served, and the pace at which they leave.
/// </summary>
/// <remarks>Not safe for concurrent use; the dispatcher's lock guards it.</remarks>
internal sealed class WaitQueue(TimeProvider time)
{
    /// <summary>The pace is that of the last seconds, one slot each: as many as the longest window of the service has.</summary>
    private const int Slots = 60;

    private const long NotYet = long.MinValue;

    /// <summary>A pace says nothing before it has seen more than one window of the limits that a service keeps.</summary>
    private static readonly TimeSpan Observed = TimeSpan.FromSeconds(10);

    /// <summary>A line that has not been empty for so long is no burst that will pass.</summary>
    private static readonly TimeSpan Burst = TimeSpan.FromSeconds(30);

    private readonly TimeProvider _time = time;
    private readonly LinkedList<Waiter> _waiters = new();
    private readonly int[] _left = new int[Slots];
    private long _busySince;
    private long _movingSince;
    private long _slotAt;
    private long _nextTicket;

    public int Length => _waiters.Count;

    public Waiter? Head => _waiters.First?.Value;

    public long DrawTicket() => ++_nextTicket;

    /// <summary>Puts the call where its ticket stands.</summary>
    public void Enqueue(Waiter waiter, long now)
    {
        if (_waiters.Count == 0)
        {
            BeginBusy(now);
        }

        // Newcomers stand last and those who come back stand first, so one of the two ends is always near.
        LinkedListNode<Waiter>? before = _waiters.Last;
        if (before is null || before.Value.Ticket < waiter.Ticket)
        {
            waiter.Place = _waiters.AddLast(waiter);
            return;
        }

        LinkedListNode<Waiter> after = _waiters.First!;
        while (after.Value.Ticket < waiter.Ticket)
        {
            after = after.Next!;
        }

        waiter.Place = _waiters.AddBefore(after, waiter);
    }

    /// <summary>Takes the call out of the line. False if it is not in it any more.</summary>
    public bool Remove(Waiter waiter)
    {
        if (waiter.Place is not { } place)
        {
            return false;
        }

        _waiters.Remove(place);
        waiter.Place = null;
        return true;
    }

    /// <summary>A call was let go to an endpoint.</summary>
    public void CountReleased(long now)
    {
        Advance(now);
        _movingSince = _movingSince == NotYet ? now : _movingSince;
        _left[Slot(_slotAt)]++;
    }

    /// <summary>It was rejected there and came back, so it did not make any pace.</summary>
    public void CountReturned() => _left[Slot(_slotAt)] = Math.Max(0, _left[Slot(_slotAt)] - 1);

    /// <summary>How long a newcomer would wait at the present pace, or null where no pace can be told.</summary>
    public TimeSpan? EstimateWait(long now)
    {
        if (_waiters.Count == 0 || _movingSince == NotYet || _time.Until(_movingSince, now) < Observed)
        {
            return null;
        }

        Advance(now);
        int left = _left.Sum();
        double moving = _time.Until(_movingSince, now).TotalSeconds;
        // Before it has seen a whole window, the next may begin at any moment.
        double most = moving < Slots ? Slots : 86400;
        return left == 0 ? null : TimeSpan.FromSeconds(Math.Min(most, (_waiters.Count + 1) * Math.Min(Slots, moving) / left));
    }

    /// <summary>It has not been empty for so long that waiting shortens nothing: whoever joins is served as late as all before.</summary>
    public bool IsLongStanding(long now) => _waiters.Count > 0 && _time.Until(_busySince, now) >= Burst;

    private static int Slot(long second) => (int)(second % Slots);

    private void BeginBusy(long now)
    {
        Array.Clear(_left);
        _busySince = now;
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
