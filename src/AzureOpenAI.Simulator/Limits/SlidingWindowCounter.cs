namespace AzureOpenAI.Simulator;

internal sealed class SlidingWindowCounter(TimeSpan window) : WindowCounter(window)
{
    private readonly List<(long Time, long Amount)> _added = [];
    private int _first;
    private long _used;

    public override long Room(long now, long limit) => limit - Used(now);

    public override void Add(long now, long limit, long amount)
    {
        _used = Used(now) + amount;
        _added.Add((now, amount));
    }

    public override void Correct(long now, long limit, long addedAt, long amount, long correct)
    {
        _used = Used(now);
        int place = _added.FindIndex(_first, entry => entry == (addedAt, amount));
        if (place >= 0)
        {
            _added[place] = (addedAt, correct);
            _used += correct - amount;
        }
    }

    public override TimeSpan UntilFits(long now, long limit, long amount)
    {
        if (Used(now) + amount <= limit)
        {
            return TimeSpan.Zero;
        }

        if (amount > limit)
        {
            return new(Window);
        }

        // From the newest back: a storm of counted rejections makes the list long, but only the limit's worth of it is walked.
        long kept = amount;
        for (int i = _added.Count - 1; i >= _first; i--)
        {
            kept += _added[i].Amount;
            if (kept > limit)
            {
                return new(_added[i].Time + Window - now);
            }
        }

        return TimeSpan.Zero;
    }

    public override TimeSpan UntilEmpty(long now, long limit) => Used(now) == 0 ? TimeSpan.Zero : new(_added[^1].Time + Window - now);

    private long Used(long now)
    {
        while (_first < _added.Count && _added[_first].Time <= now - Window)
        {
            _used -= _added[_first++].Amount;
        }

        if (_first > 64 && _first > _added.Count / 2)
        {
            _added.RemoveRange(0, _first);
            _first = 0;
        }

        return _used;
    }
}
