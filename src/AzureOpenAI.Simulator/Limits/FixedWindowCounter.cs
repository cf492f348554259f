namespace AzureOpenAI.Simulator;

internal sealed class FixedWindowCounter(TimeSpan window) : WindowCounter(window)
{
    private long _index = -1;
    private long _used;

    public override long Room(long now, long limit) => limit - Used(now);

    public override void Add(long now, long limit, long amount) => _used = Used(now) + amount;

    public override void Correct(long now, long limit, long addedAt, long amount, long correct)
    {
        if (addedAt / Window == now / Window)
        {
            _used = Used(now) + correct - amount;
        }
    }

    public override TimeSpan UntilFits(long now, long limit, long amount) =>
        Used(now) + amount <= limit ? TimeSpan.Zero : UntilEmpty(now, limit);

    public override TimeSpan UntilEmpty(long now, long limit) => new(((now / Window) + 1) * Window - now);

    private long Used(long now)
    {
        long index = now / Window;
        if (index != _index)
        {
            _index = index;
            _used = 0;
        }

        return _used;
    }
}
