namespace AzureOpenAI.RoundRobin.Balancing.Queueing;

/// <summary>Waiters in the order of one of their numbers, the smallest first: a binary heap in which each waiter knows its place, so that any can be taken out.</summary>
/// <remarks>
/// A newcomer, whose number is the largest as a rule, is compared with one other waiter at any length. There is no way through all of them: no rule may cost more where more
/// calls wait. Not safe for concurrent use; the balancer's lock guards it.
/// </remarks>
internal sealed class WaiterHeap<TOrder>
    where TOrder : struct, IWaiterOrder
{
    private readonly List<Waiter> _waiters = [];

    public int Count => _waiters.Count;

    public Waiter? First => _waiters.Count > 0 ? _waiters[0] : null;

    public void Add(Waiter waiter)
    {
        _waiters.Add(waiter);
        Rise(waiter, _waiters.Count - 1);
    }

    /// <returns>False if it is not here.</returns>
    public bool Remove(Waiter waiter)
    {
        int place = TOrder.PlaceOf(waiter);
        if (place < 0)
        {
            return false;
        }

        TOrder.PlaceOf(waiter) = Waiter.Nowhere;
        Waiter last = _waiters[^1];
        _waiters.RemoveAt(_waiters.Count - 1);
        if (last != waiter)
        {
            Rise(last, Sink(last, place));
        }

        return true;
    }

    /// <summary>Moves the waiter towards the first from a place that is free.</summary>
    private void Rise(Waiter waiter, int place)
    {
        while (place > 0 && IsBefore(waiter, _waiters[(place - 1) / 2]))
        {
            Put(_waiters[(place - 1) / 2], place);
            place = (place - 1) / 2;
        }

        Put(waiter, place);
    }

    /// <summary>Frees the place, or one further from the first, where no later waiter goes before this one.</summary>
    private int Sink(Waiter waiter, int place)
    {
        for (int child = (2 * place) + 1; child < _waiters.Count; child = (2 * place) + 1)
        {
            child += child + 1 < _waiters.Count && IsBefore(_waiters[child + 1], _waiters[child]) ? 1 : 0;
            if (!IsBefore(_waiters[child], waiter))
            {
                break;
            }

            Put(_waiters[child], place);
            place = child;
        }

        return place;
    }

    private void Put(Waiter waiter, int place)
    {
        _waiters[place] = waiter;
        TOrder.PlaceOf(waiter) = place;
    }

    private static bool IsBefore(Waiter left, Waiter right)
    {
        Visits.Add();
        return TOrder.NumberOf(left) < TOrder.NumberOf(right);
    }
}

/// <summary>An order of waiters: by which number, and where a waiter notes its place in it.</summary>
internal interface IWaiterOrder
{
    static abstract long NumberOf(Waiter waiter);

    static abstract ref int PlaceOf(Waiter waiter);
}

/// <summary>First come, first served.</summary>
internal readonly struct ByTicket : IWaiterOrder
{
    public static long NumberOf(Waiter waiter) => waiter.Ticket;

    public static ref int PlaceOf(Waiter waiter) => ref waiter.PlaceByTicket;
}

/// <summary>By the end of their wait.</summary>
internal readonly struct ByDeadline : IWaiterOrder
{
    public static long NumberOf(Waiter waiter) => waiter.Deadline;

    public static ref int PlaceOf(Waiter waiter) => ref waiter.PlaceByDeadline;
}
