namespace AzureOpenAI.Simulator;

/// <summary>Two fixed windows, of which the previous one counts by the share of it that lies less than a window ago.</summary>
internal sealed class WeightedWindowCounter(TimeSpan window) : WindowCounter(window)
{
    private long _index = -1;
    private long _used;
    private long _before;

    public override long Room(long now, long limit)
    {
        Turn(now);
        Int128 room = ((Int128)(limit - _used) * Window) - ((Int128)_before * (Window - (now % Window)));
        return (long)(room >= 0 ? room / Window : (room - Window + 1) / Window);
    }

    public override void Add(long now, long limit, long amount)
    {
        Turn(now);
        _used += amount;
    }

    public override void Correct(long now, long limit, long addedAt, long amount, long correct)
    {
        Turn(now);
        switch (_index - (addedAt / Window))
        {
            case 0:
                _used += correct - amount;
                break;
            case 1:
                _before += correct - amount;
                break;
            default:
                break;
        }
    }

    public override TimeSpan UntilFits(long now, long limit, long amount)
    {
        if (amount > limit)
        {
            return Room(now, limit) < amount ? new(Window) : TimeSpan.Zero;
        }

        Turn(now);
        long into = now % Window;
        return _used + amount <= limit
            ? new(Math.Max(0, AgeAtWhich(_before, limit - _used - amount) - into))
            : new(Window - into + AgeAtWhich(_used, limit - amount));
    }

    public override TimeSpan UntilEmpty(long now, long limit)
    {
        Turn(now);
        long left = Window - (now % Window);
        return new(_used > 0 ? left + Window : _before > 0 ? left : 0);
    }

    /// <summary>How far into a window what came in the one before counts no more than there is room for.</summary>
    private long AgeAtWhich(long before, long room) => before <= room ? 0 : Window - (long)((Int128)room * Window / before);

    private void Turn(long now)
    {
        long index = now / Window;
        if (index != _index)
        {
            (_before, _used, _index) = (index == _index + 1 ? _used : 0, 0, index);
        }
    }
}
