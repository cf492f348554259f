namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>All attempts of a pool, running and idle. Each knows its place in one array, so that none is searched for, and a look at all of them reads memory in its order.</summary>
/// <remarks>Not safe for concurrent use; the lock of <see cref="AttemptCache"/> guards it.</remarks>
internal sealed class AttemptSet
{
    /// <summary>A smaller array is never packed.</summary>
    private const int Small = 1024;

    private readonly Stack<int> _free = [];
    private Attempt?[] _places = new Attempt?[16];
    private int _used;

    public int Count => _used - _free.Count;

    /// <summary>Null where a place is free.</summary>
    public ReadOnlySpan<Attempt?> Places => _places.AsSpan(0, _used);

    public void Add(Attempt attempt)
    {
        if (!_free.TryPop(out int place))
        {
            place = _used++;
            if (place == _places.Length)
            {
                Array.Resize(ref _places, 2 * place);
            }
        }

        (_places[place], attempt.Place) = (attempt, place);
    }

    /// <summary>Does nothing where the attempt was removed before.</summary>
    public void Remove(Attempt attempt)
    {
        if (attempt.Place < 0)
        {
            return;
        }

        _places[attempt.Place] = null;
        _free.Push(attempt.Place);
        attempt.Place = -1;
        if (_used > Small && Count < _used / 4)
        {
            Pack();
        }
    }

    public Attempt[] ToArray()
    {
        Attempt[] attempts = new Attempt[Count];
        int count = 0;
        foreach (Attempt? attempt in Places)
        {
            if (attempt is not null)
            {
                attempts[count++] = attempt;
            }
        }

        return attempts;
    }

    /// <summary>Leaves no place free: many calls were in flight once, and their places would be looked at for ever.</summary>
    private void Pack()
    {
        Attempt[] attempts = ToArray();
        (_places, _used) = (new Attempt?[Math.Max(Small, 2 * attempts.Length)], 0);
        _free.Clear();
        Array.ForEach(attempts, Add);
    }
}
