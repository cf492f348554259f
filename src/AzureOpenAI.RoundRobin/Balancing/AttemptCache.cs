using System.Collections.Concurrent;
using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// Keeps ended attempts for reuse: one with each thread, where a call that completes at once finds it without an interlocked operation and leaves it, the rest
/// in a bounded queue.
/// </summary>
/// <remarks>
/// Who runs an attempt is the only one that touches the thread it is with: it is looked for, marked as running and ended in that thread, and leaves it before
/// anything is awaited. So it needs no more than a look whether it is idle, for a client that calls the pool from within its own call.
/// </remarks>
internal sealed class AttemptCache(TimeProvider time) : IDisposable
{
    private const int Most = 256;

    [ThreadStatic]
    private static Attempt? _threads;

    private readonly TimeProvider _time = time;
    private readonly ConcurrentQueue<Attempt> _rest = new();
    private readonly HashSet<Attempt> _all = [];
    private int _count;
    private int _sweepAt = 2 * Most;
    private volatile bool _disposed;
    private bool _hasCrowd;

    /// <summary>
    /// Some endpoint may have <see cref="StallTest.LeastWaiting"/> calls in flight. Where none has, as where every answer is there at once, this is all that
    /// the look for silent ones costs.
    /// </summary>
    public bool MayHaveStall => Volatile.Read(ref _hasCrowd);

    /// <summary>An attempt for a call that may be over before it leaves this thread.</summary>
    public Attempt RentHere()
    {
        Attempt? attempt = _threads;
        if (attempt is not null && attempt.Cache == this && attempt.IsIdle)
        {
            return attempt;
        }

        attempt = Rent();
        TryKeep(attempt);
        return attempt;
    }

    /// <summary>An attempt that any thread may go on with.</summary>
    public Attempt Rent()
    {
        if (_rest.TryDequeue(out Attempt? attempt))
        {
            Interlocked.Decrement(ref _count);
            return attempt;
        }

        attempt = new Attempt(this, _time);
        lock (_all)
        {
            SweepUnsynchronized();
            _all.Add(attempt);
        }

        return attempt;
    }

    /// <summary>The attempt that the thread keeps goes on without it. To be called in that thread.</summary>
    public static void Leave(Attempt attempt)
    {
        attempt.Keeper = null;
        _threads = _threads == attempt ? null : _threads;
    }

    public void Return(Attempt attempt)
    {
        bool reusable = attempt.TryReset() && !_disposed;
        if (attempt.Keeper is not null)
        {
            if (reusable)
            {
                return;
            }

            Leave(attempt);
        }

        if (!reusable)
        {
            LetGo(attempt);
        }
        else if (TryKeep(attempt))
        {
            return;
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

    /// <summary>To be called after the call has been counted at its endpoint, so that who forgets the crowd at the same time counts it, or comes before this.</summary>
    public void NoteMayHaveStall()
    {
        if (!MayHaveStall)
        {
            Volatile.Write(ref _hasCrowd, true);
        }
    }

    /// <summary>To be called before the calls in flight are counted. A full fence; see <see cref="NoteMayHaveStall"/>.</summary>
    public void ForgetMayHaveStall() => Interlocked.Exchange(ref _hasCrowd, false);

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

    /// <summary>Leaves an attempt with this thread, if it keeps none that can still be used.</summary>
    private static bool TryKeep(Attempt attempt)
    {
        if (_threads is { } kept && !kept.Cache._disposed)
        {
            return false;
        }

        attempt.Keeper = Thread.CurrentThread;
        _threads = attempt;
        return true;
    }

    /// <summary>Lets go of what threads kept that are no more. Each time that the attempts have doubled, so that it costs next to nothing.</summary>
    private void SweepUnsynchronized()
    {
        if (_all.Count < _sweepAt)
        {
            return;
        }

        foreach (Attempt attempt in _all.Where(static attempt => attempt.IsIdle && IsAbandoned(attempt)).ToArray())
        {
            attempt.LetGo();
            _all.Remove(attempt);
        }

        _sweepAt = Math.Max(2 * Most, 2 * _all.Count);
    }

    /// <summary>
    /// Whether the thread that keeps it is no more. It may have left the thread just before that was over, and run elsewhere by now; so whose it is counts
    /// after the thread has been seen dead, and nobody is there any more who would change it.
    /// </summary>
    private static bool IsAbandoned(Attempt attempt)
    {
        if (attempt.Keeper is not { IsAlive: false } keeper)
        {
            return false;
        }

        Interlocked.MemoryBarrier();
        return attempt.Keeper == keeper && attempt.IsIdle;
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
