namespace AzureOpenAI.Simulator;

/// <summary>
/// A bucket that drains continuously, by the limit in each window, and holds what the limit admits in the time of a burst. An amount that is larger than the bucket fits it
/// while it is empty, so a burst of zero spaces requests evenly.
/// </summary>
/// <remarks>The level is kept as amounts times ticks of a window, in which the drain of any time is a whole number.</remarks>
internal sealed class BucketCounter(TimeSpan window, TimeSpan burst) : WindowCounter(window)
{
    private Int128 _level;
    private long _drainedAt;

    public override long Room(long now, long limit)
    {
        Drain(now, limit);
        return (long)((Capacity(limit) - _level) / Window);
    }

    /// <remarks>What is counted although it was rejected fills the bucket, and no more: it cannot flow over.</remarks>
    public override void Add(long now, long limit, long amount)
    {
        Drain(now, limit);
        Int128 added = (Int128)amount * Window;
        _level = limit == 0 ? 0 : Int128.Max(_level, Int128.Min(_level + added, Int128.Max(Capacity(limit), added)));
    }

    public override void Correct(long now, long limit, long addedAt, long amount, long correct)
    {
        Drain(now, limit);
        _level = Int128.Max(0, _level + ((Int128)(correct - amount) * Window));
    }

    public override TimeSpan UntilFits(long now, long limit, long amount)
    {
        Drain(now, limit);
        Int128 added = (Int128)amount * Window;
        return UntilDrained(_level + added - Int128.Max(Capacity(limit), added), limit);
    }

    public override TimeSpan UntilEmpty(long now, long limit)
    {
        Drain(now, limit);
        return UntilDrained(_level, limit);
    }

    private static TimeSpan UntilDrained(Int128 excess, long limit) => excess <= 0 ? TimeSpan.Zero : new((long)((excess + limit - 1) / limit));

    private Int128 Capacity(long limit) => (Int128)limit * burst.Ticks;

    private void Drain(long now, long limit)
    {
        _level = Int128.Max(0, _level - ((Int128)(now - _drainedAt) * limit));
        _drainedAt = now;
    }
}
