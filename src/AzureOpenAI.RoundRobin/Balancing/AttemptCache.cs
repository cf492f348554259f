using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// Keeps ended attempts for reuse: one in a slot of each thread, for calls that complete synchronously, and up to 256 in a queue. The slot needs no interlocked
/// operation.
/// </summary>
/// <remarks>
/// Only the thread itself reads and writes its slot: it rents the attempt there, ends it there, and takes it out of the slot before it awaits. So renting needs no
/// fence, only a check that the attempt is idle: a client may call the pool from within its own call, on the same thread.
/// </remarks>
internal sealed class AttemptCache(TimeProvider time) : IDisposable
{
    private const int Most = 256;

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [ThreadStatic]
    private static Attempt? _threads;

    private readonly TimeProvider _time = time;
    private readonly ConcurrentQueue<Attempt> _rest = new();
    private readonly AttemptSet _all = new();
    private int _count;
    private int _sweepAt = 2 * Most;
    private volatile bool _disposed;
    private bool _hasCrowd;

    /// <summary>Knows from which age on a call is judged.</summary>
    public AgeWatch Ages { get; } = new(time);

    /// <summary>
    /// Some endpoint may have <see cref="StallTest.LeastWaiting"/> calls in flight. While none has, as where all calls complete synchronously, one read of this is the whole
    /// cost of stall detection.
    /// </summary>
    public bool MayHaveStall => Volatile.Read(ref _hasCrowd);

    /// <summary>An attempt for a call that may complete synchronously: this thread's own, if it is idle.</summary>
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

    /// <summary>An attempt in no thread's slot: any thread may go on with it.</summary>
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

    /// <summary>Takes the attempt out of the calling thread's slot, since another thread may go on with it.</summary>
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
            if (_disposed)
            {
                // Another thread has found that this one ended, and emptied the queue before it was there.
                Dispose();
            }
        }
        else
        {
            Interlocked.Decrement(ref _count);
            LetGo(attempt);
        }
    }

    /// <summary>
    /// T1 (here): counts its call in flight, then sets the flag. T2 (<see cref="StallDetector.HasSuspect"/>): clears the flag, full fence, then reads the counts. Either T2
    /// reads T1's call, or T1 sets the flag after T2 cleared it: the flag is never lost while calls wait.
    /// </summary>
    public void NoteMayHaveStall()
    {
        if (!MayHaveStall)
        {
            Volatile.Write(ref _hasCrowd, true);
        }
    }

    /// <summary>Clears the flag, with a full fence, before the calls in flight are read. See <see cref="NoteMayHaveStall"/>.</summary>
    public void ForgetMayHaveStall() => Interlocked.Exchange(ref _hasCrowd, false);

    /// <summary>Where the attempt runs that this thread has begun, and that is not counted in flight: it may still complete synchronously. Null where there is none.</summary>
    public Endpoint? BegunHere => _threads is { IsCounted: false } attempt && attempt.Cache == this ? attempt.Endpoint : null;

    /// <summary>The number of attempts that run at each endpoint that has any, including those that may still complete synchronously. One look at each attempt.</summary>
    public Dictionary<Endpoint, int> CountAtEach()
    {
        Dictionary<Endpoint, int> counts = [];
        lock (_all)
        {
            foreach (Attempt? attempt in _all.Places)
            {
                Visits.Add();
                if (attempt?.Endpoint is { } endpoint)
                {
                    CollectionsMarshal.GetValueRefOrAddDefault(counts, endpoint, out _)++;
                }
            }
        }

        return counts;
    }

    /// <summary>Counts at each endpoint the attempts that run and began lately. One look at each attempt.</summary>
    /// <remarks>Compiled well at once: the first of many rejections has ten thousands to count, under the balancer's lock.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void CountRecent(int round, long now)
    {
        lock (_all)
        {
            foreach (Attempt? attempt in _all.Places)
            {
                Visits.Add();
                if (attempt?.Endpoint is { } endpoint)
                {
                    // What may still complete synchronously has begun just now, unless it was picked under the lock.
                    long began = attempt.BeganAt;
                    TimeSpan since = _time.Until(began, now);
                    endpoint.CountRecent(round, !attempt.IsAnswered && (began == 0 || since <= endpoint.RejectionTime), since <= Second);
                }
            }
        }
    }

    /// <summary>All attempts, running and idle.</summary>
    public Attempt[] Snapshot()
    {
        lock (_all)
        {
            return _all.ToArray();
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

    /// <summary>Puts the attempt into this thread's slot, if the slot is empty or holds an attempt of a disposed pool.</summary>
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

    /// <summary>Removes the attempts in slots of threads that have ended. Runs each time that the number of attempts has doubled, so its cost per attempt is constant.</summary>
    private void SweepUnsynchronized()
    {
        if (_all.Count < _sweepAt)
        {
            return;
        }

        foreach (Attempt attempt in Array.FindAll(_all.ToArray(), static attempt => attempt.IsIdle && IsAbandoned(attempt)))
        {
            attempt.LetGo();
            _all.Remove(attempt);
        }

        _sweepAt = Math.Max(2 * Most, 2 * _all.Count);
    }

    /// <summary>
    /// Whether the attempt is in the slot of a thread that has ended. T1 (that thread) may take it out of the slot, hand it on, and end. T2 (the sweeper) sees that T1 has
    /// ended, full fence, reads <see cref="Attempt.Keeper"/> again: only T1 takes the attempt out of its slot, so if the keeper still is T1, then T1 never handed it on.
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
