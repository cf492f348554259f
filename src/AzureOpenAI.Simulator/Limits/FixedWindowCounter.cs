namespace AzureOpenAI.Simulator;

internal sealed class FixedWindowCounter(TimeSpan window) : WindowCounter(window)
{
    private long _index = -1;
    private long _used;

    public override long Used(long now)
    {
        long index = now / Window;
        if (index != _index)
        {
            _index = index;
            _used = 0;
        }

        return _used;
    }

    public override void Add(long now, long amount) => _used = Used(now) + amount;

    public override TimeSpan UntilFits(long now, long limit, long amount) =>
        Used(now) + amount <= limit ? TimeSpan.Zero : UntilEmpty(now);

    public override TimeSpan UntilEmpty(long now) => new(((now / Window) + 1) * Window - now);
}
