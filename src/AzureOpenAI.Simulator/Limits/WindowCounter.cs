namespace AzureOpenAI.Simulator;

/// <summary>
/// Counts amounts over a moving window. Times are ticks since the start of the simulator. Not synchronized: the limiter holds the lock.
/// </summary>
internal abstract class WindowCounter(TimeSpan window)
{
    protected long Window { get; } = window.Ticks;

    public static WindowCounter Create(WindowKind kind, TimeSpan window) => kind switch
    {
        WindowKind.Sliding => new SlidingWindowCounter(window),
        WindowKind.Weighted => new WeightedWindowCounter(window),
        WindowKind.Bucket => new BucketCounter(window, burst: window),
        WindowKind.Leaky => new BucketCounter(window, TimeSpan.Zero),
        _ => new FixedWindowCounter(window),
    };

    /// <summary>How much fits now; below zero where more was added than the limit admits.</summary>
    public abstract long Room(long now, long limit);

    public abstract void Add(long now, long limit, long amount);

    /// <summary>Replaces an amount that was added by another, as far as it still counts.</summary>
    public abstract void Correct(long now, long limit, long addedAt, long amount, long correct);

    /// <summary>How long until <paramref name="amount"/> fits under <paramref name="limit"/>, if nothing is added meanwhile.</summary>
    public abstract TimeSpan UntilFits(long now, long limit, long amount);

    /// <summary>How long until the window is empty, if nothing is added meanwhile.</summary>
    public abstract TimeSpan UntilEmpty(long now, long limit);
}
