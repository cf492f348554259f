namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>Items in the order of one of their numbers, the smallest first: a binary heap in which each item knows its place, so that any can be taken out.</summary>
/// <remarks>
/// A newcomer, whose number is the largest as a rule, is compared with one other item at any length. There is no way through all of them: no rule may cost more where more
/// calls wait, or more endpoints are unavailable. An item whose number is about to change is taken out before, or put in its place right after. Not safe for concurrent use; the
/// balancer's lock guards it.
/// </remarks>
internal sealed class PlacedHeap<T, TOrder>
    where T : class
    where TOrder : struct, IHeapOrder<T>
{
    private const int Nowhere = -1;

    private readonly List<T> _items = [];

    public int Count => _items.Count;

    public T? First => _items.Count > 0 ? _items[0] : null;

    public void Add(T item)
    {
        _items.Add(item);
        Rise(item, _items.Count - 1);
    }

    /// <returns>False if it is not here.</returns>
    public bool Remove(T item)
    {
        int place = TOrder.PlaceOf(item);
        if (place < 0)
        {
            return false;
        }

        TOrder.PlaceOf(item) = Nowhere;
        T last = _items[^1];
        _items.RemoveAt(_items.Count - 1);
        if (last != item)
        {
            Rise(last, Sink(last, place));
        }

        return true;
    }

    public void Clear()
    {
        foreach (T item in _items)
        {
            TOrder.PlaceOf(item) = Nowhere;
        }

        _items.Clear();
    }

    /// <summary>Moves the item towards the first from a place that is free.</summary>
    private void Rise(T item, int place)
    {
        while (place > 0 && IsBefore(item, _items[(place - 1) / 2]))
        {
            Put(_items[(place - 1) / 2], place);
            place = (place - 1) / 2;
        }

        Put(item, place);
    }

    /// <summary>Frees the place, or one further from the first, where no later item goes before this one.</summary>
    private int Sink(T item, int place)
    {
        for (int child = (2 * place) + 1; child < _items.Count; child = (2 * place) + 1)
        {
            child += child + 1 < _items.Count && IsBefore(_items[child + 1], _items[child]) ? 1 : 0;
            if (!IsBefore(_items[child], item))
            {
                break;
            }

            Put(_items[child], place);
            place = child;
        }

        return place;
    }

    private void Put(T item, int place)
    {
        _items[place] = item;
        TOrder.PlaceOf(item) = place;
    }

    private static bool IsBefore(T left, T right)
    {
        Visits.Add();
        return TOrder.NumberOf(left) < TOrder.NumberOf(right);
    }
}

/// <summary>An order of items: by which number, and where an item notes its place in it.</summary>
internal interface IHeapOrder<T>
{
    static abstract long NumberOf(T item);

    /// <summary>Less than 0 where the item is not in the heap.</summary>
    static abstract ref int PlaceOf(T item);
}
