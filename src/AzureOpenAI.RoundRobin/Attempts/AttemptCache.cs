using System.Collections.Concurrent;

namespace AzureOpenAI.RoundRobin.Attempts;

/// <summary>
/// Keeps ended attempts for reuse: one with each thread, where a call that completes at once finds it without an interlocked operation, the rest in a bounded queue.
/// </summary>
internal sealed class AttemptCache(TimeProvider time) : IDisposable
{
    private const int Most = 256;

    [ThreadStatic]
    private static Attempt? threads;

    private readonly TimeProvider _time = time;
    private readonly ConcurrentQueue<Attempt> _rest = new();
    private int _count;
    private volatile bool _disposed;

    public Attempt Rent()
    {
        Attempt? attempt = threads;
        if (attempt is not null && attempt.Cache == this)
        {
            threads = null;
            return attempt;
        }

        if (_rest.TryDequeue(out attempt))
        {
            Interlocked.Decrement(ref _count);
            return attempt;
        }

        return new Attempt(this, _time);
    }

    public void Return(Attempt attempt)
    {
        if (!attempt.TryReset() || _disposed)
        {
            attempt.LetGo();
        }
        else if (threads is null || threads.Cache._disposed)
        {
            threads = attempt;
        }
        else if (Interlocked.Increment(ref _count) <= Most)
        {
            _rest.Enqueue(attempt);
        }
        else
        {
            Interlocked.Decrement(ref _count);
            attempt.LetGo();
        }
    }

    public void Dispose()
    {
        _disposed = true;
        while (_rest.TryDequeue(out Attempt? attempt))
        {
            attempt.LetGo();
        }
    }
}
