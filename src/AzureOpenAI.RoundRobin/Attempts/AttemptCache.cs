using System.Collections.Concurrent;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Attempts;

/// <summary>
/// Keeps ended attempts for reuse: one with each thread, where a call that completes at once finds it without an interlocked operation, the rest in a bounded queue.
/// </summary>
internal sealed class AttemptCache(TimeProvider time) : IDisposable
{
    private const int Most = 256;

    [ThreadStatic]
    private static Attempt? _threads;

    private readonly TimeProvider _time = time;
    private readonly ConcurrentQueue<Attempt> _rest = new();
    private readonly HashSet<Attempt> _all = [];
    private int _count;
    private volatile bool _disposed;

    public Attempt Rent()
    {
        Attempt? attempt = _threads;
        if (attempt is not null && attempt.Cache == this)
        {
            _threads = null;
            return attempt;
        }

        if (_rest.TryDequeue(out attempt))
        {
            Interlocked.Decrement(ref _count);
            return attempt;
        }

        attempt = new Attempt(this, _time);
        lock (_all)
        {
            _all.Add(attempt);
        }

        return attempt;
    }

    public void Return(Attempt attempt)
    {
        if (!attempt.TryReset() || _disposed)
        {
            LetGo(attempt);
        }
        else if (_threads is null || _threads.Cache._disposed)
        {
            _threads = attempt;
        }
        else if (Interlocked.Increment(ref _count) <= Most)
        {
            _rest.Enqueue(attempt);
        }
        else
        {
            Interlocked.Decrement(ref _count);
            LetGo(attempt);
        }
    }

    /// <summary>Whether any attempt runs.</summary>
    public bool AnyRuns()
    {
        lock (_all)
        {
            return _all.Any(static attempt => attempt.Endpoint is not null);
        }
    }

    /// <summary>How many attempts run at an endpoint, those that may still end at once among them.</summary>
    public int CountAt(Endpoint endpoint)
    {
        lock (_all)
        {
            return _all.Count(attempt => attempt.Endpoint == endpoint);
        }
    }

    /// <summary>How many attempts at an endpoint have begun within the last <paramref name="span"/>, and are not answered.</summary>
    public int CountUnanswered(Endpoint endpoint, TimeSpan span, long now)
    {
        int count = 0;
        lock (_all)
        {
            foreach (Attempt attempt in _all)
            {
                count += attempt.Endpoint == endpoint && !attempt.IsAnswered && attempt.Took(now) <= span ? 1 : 0;
            }
        }

        return count;
    }

    /// <summary>Every attempt that runs, and some that do not.</summary>
    public Attempt[] Snapshot()
    {
        lock (_all)
        {
            return [.. _all];
        }
    }

    public void Dispose()
    {
        _disposed = true;
        while (_rest.TryDequeue(out Attempt? attempt))
        {
            LetGo(attempt);
        }
    }

    private void LetGo(Attempt attempt)
    {
        attempt.LetGo();
        lock (_all)
        {
            _all.Remove(attempt);
        }
    }
}
