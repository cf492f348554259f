namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>A stream's hold on its attempt, which ends as abandoned if the stream is dropped without being disposed.</summary>
/// <remarks>
/// Nothing but the stream refers to it while the attempt runs, so it is collected with a stream that was dropped. In between it is kept by the idle attempt, so
/// that it costs a stream no object. Whoever takes the attempt out of it first ends it: the stream, or the finalizer.
/// </remarks>
internal sealed class StreamLease
{
    private Attempt? _attempt;
    private AttemptTracker? _tracker;
    private PendingUpdate? _pending;

    ~StreamLease()
    {
        if (Interlocked.Exchange(ref _attempt, null) is { } attempt)
        {
            // What follows runs code of others, which must not hold up the finalizers of the process.
            ThreadPool.UnsafeQueueUserWorkItem(static abandoned => Abandon(abandoned.Attempt, abandoned.Tracker), (Attempt: attempt, Tracker: _tracker!), preferLocal: false);
        }
    }

    /// <summary>The attempt, while it runs.</summary>
    public Attempt? Attempt => _attempt;

    /// <summary>The wait for the next update.</summary>
    public PendingUpdate Pending => _pending ??= new();

    public void Begin(Attempt attempt, AttemptTracker tracker)
    {
        _tracker = tracker;
        Volatile.Write(ref _attempt, attempt);
    }

    /// <summary>The stream does not need it any more: the attempt, which is still to be ended, keeps it for a later stream.</summary>
    public Attempt? Release()
    {
        Attempt? attempt = Interlocked.Exchange(ref _attempt, null);
        // A wait whose result was not fetched must not serve another stream, which could get that result.
        _pending = _pending is { IsAwaited: true } ? null : _pending;
        attempt?.Keep(this);
        return attempt;
    }

    private static void Abandon(Attempt attempt, AttemptTracker tracker)
    {
        try
        {
            attempt.Trace?.Left();
            attempt.Cancel();
            tracker.Abandoned(attempt, answered: false, served: attempt.IsAnswered);
        }
#pragma warning disable CA1031 // Nobody is there to hear of it, and on this thread it would end the process.
        catch
#pragma warning restore CA1031
        {
        }
    }
}
