namespace AzureOpenAI.RoundRobin.Attempts;

/// <summary>Keeps ended attempts for reuse: one where the next call finds it with a single exchange, the rest in a bounded queue.</summary>
internal sealed class AttemptCache(TimeProvider time) : IDisposable
{
    private const int Most = 256;

    private readonly TimeProvider _time = time;
    private readonly System.Collections.Concurrent.ConcurrentQueue<Attempt> _rest = new();
    private Attempt? _first;
    private int _count;
    private volatile bool _disposed;

    public Attempt Rent()
    {
        Attempt? attempt = _first;
        if (attempt is not null && Interlocked.CompareExchange(ref _first, null, attempt) == attempt)
        {
            return attempt;
        }

        if (_rest.TryDequeue(out attempt))
        {
            Interlocked.Decrement(ref _count);
            return attempt;
        }

        return new Attempt(_time);
    }

    public void Return(Attempt attempt)
    {
        if (!attempt.TryReset() || _disposed)
        {
            attempt.LetGo();
        }
        else if (_first is not null || Interlocked.CompareExchange(ref _first, attempt, null) is not null)
        {
            if (Interlocked.Increment(ref _count) <= Most)
            {
                _rest.Enqueue(attempt);
            }
            else
            {
                Interlocked.Decrement(ref _count);
                attempt.LetGo();
            }
        }
    }

    public void Dispose()
    {
        _disposed = true;
        Interlocked.Exchange(ref _first, null)?.LetGo();
        while (_rest.TryDequeue(out Attempt? attempt))
        {
            attempt.LetGo();
        }
    }
}
