using System.Diagnostics.CodeAnalysis;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// The one writer of endpoint state. Takes what became of attempts, keeps each group's rotation, and releases the lines.
/// </summary>
/// <remarks>
/// A call that meets fit endpoints and succeeds never takes the lock. Everything else does, for a moment: it is rare, or waits anyway.
/// Methods that end in <c>Unsynchronized</c> need it. No code of the user's runs under it.
/// </remarks>
internal sealed partial class Dispatcher : IDisposable
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly PoolLog _log;
    private readonly AttemptCache _attempts;
    private readonly RetryBudget _budget;
    private readonly List<Attempt> _unadmitted = [];
    private readonly ITimer _wake;
    private readonly Action _release;
    // Swapped whole under the lock, and read without it too, by whoever counts calls or looks for silence.
    private volatile PoolMembers _members;
    private int _generation;
    private long _nextSettle = long.MinValue;
    private bool _dirty = true;
    private volatile bool _disposed;
    private int _released;

    /// <param name="members">What the pool consists of.</param>
    /// <param name="time">The source of all time.</param>
    /// <param name="log">What operators are told.</param>
    /// <param name="instruments">What is measured.</param>
    /// <param name="release">Run once, after disposal and after the last attempt has ended.</param>
    public Dispatcher(PoolMembers members, TimeProvider time, PoolLog log, Instruments instruments, Action release)
    {
        _members = members;
        _time = time;
        _log = log;
        Instruments = instruments;
        _release = release;
        _attempts = new AttemptCache(time);
        _budget = new RetryBudget(time);
        _wake = time.CreateTimer(static state => ((Dispatcher)state!).OnWake(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        lock (_lock)
        {
            AdoptUnsynchronized(members);
            SettleUnsynchronized(time.GetTimestamp());
            BeginWatchingUnsynchronized(members.Endpoints);
        }
    }

    public TimeProvider Time => _time;

    public Instruments Instruments { get; }

    public bool IsDisposed => _disposed;

    /// <summary>How many calls stand in the lines.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _members.Groups.Sum(static group => group.Line.Length);
            }
        }
    }

    /// <summary>What a call gets that comes after the pool's disposal. It names the pool, which is what the caller has disposed.</summary>
    public static ObjectDisposedException DisposedException() => new(PoolLog.Category);

    /// <summary>The quick way: an attempt at the next in turn, where nothing is due and nobody waits.</summary>
    public Attempt? TryBegin(EndpointGroup group, uint affinity)
    {
        Attempt? attempt = TryPick(group, affinity, out Endpoint? endpoint) ? Begin(_attempts.RentHere(), endpoint) : null;
        if (affinity != 0 && attempt is not null)
        {
            // The next pick for the same conversation goes by the calls in flight, so it must see this one from its start.
            Count(attempt);
        }

        return attempt;
    }

    /// <summary>Whose turn it is, or who is preferred where there is an affinity, without a lock and without a look at the clock unless something is due.</summary>
    public bool TryPick(EndpointGroup group, uint affinity, [NotNullWhen(true)] out Endpoint? endpoint)
    {
        Rotation rotation = group.Rotation;
        long next = group.NextEvent;
        if (rotation.Count == 0 || (next != long.MaxValue && (next == long.MinValue || _time.GetTimestamp() >= next)))
        {
            endpoint = null;
            return false;
        }

        endpoint = affinity == 0 ? rotation[group.NextTicket()] : Preferred(group, rotation, affinity)!;
        return true;
    }

    /// <summary>The endpoint whose turn it is, for use outside the loop: the next fit one, else simply the next.</summary>
    public Endpoint Peek(EndpointGroup group, Func<Endpoint, bool> suits)
    {
        if (_disposed)
        {
            throw DisposedException();
        }

        lock (_lock)
        {
            SettleUnsynchronized(_time.GetTimestamp());
        }

        FinishOutside();
        uint ticket = group.NextTicket();
        Rotation rotation = group.Rotation;
        for (uint i = 0; i < (uint)rotation.Count; i++)
        {
            if (suits(rotation[ticket + i]))
            {
                return rotation[ticket + i];
            }
        }

        for (uint i = 0; i < (uint)group.Endpoints.Length; i++)
        {
            Endpoint endpoint = group.Endpoints[(ticket + i) % (uint)group.Endpoints.Length];
            if (suits(endpoint))
            {
                return endpoint;
            }
        }

        throw new InvalidOperationException("The pool holds ready-made chat clients only, so there is no OpenAI client to hand out.");
    }

    /// <summary>The endpoint answered, in full.</summary>
    /// <param name="attempt">The attempt that ended.</param>
    /// <param name="streamed">Whether the answer came piece by piece, so that the time to its first content has been noted before.</param>
    public void Succeeded(Attempt attempt, bool streamed = false)
    {
        bool plain = attempt.IsPlain;
        if (!plain && attempt.StartedAt != 0)
        {
            NoteTime(attempt, streamed);
        }

        if ((!plain && attempt.HoldsPermit) || !attempt.Endpoint.IsClean)
        {
            TakeBack(attempt);
        }

        End(attempt, answered: true);
    }

    /// <summary>The caller gave up, or the request itself was at fault: nobody is blamed.</summary>
    /// <param name="attempt">The attempt that ended.</param>
    /// <param name="answered">Whether the endpoint said anything, which proves that it can be reached.</param>
    /// <param name="served">Whether the caller got a part of an answer, which counts as one.</param>
    public void Abandoned(Attempt attempt, bool answered, bool served = false)
    {
        if (served && attempt.StartedAt != 0)
        {
            attempt.Endpoint.Vitals.Unfinished();
        }

        if (answered)
        {
            attempt.Endpoint.Vitals.Heard(NumberOf(attempt));
            if (attempt.HoldsPermit || !attempt.Endpoint.IsClean)
            {
                TakeBack(attempt);
            }
        }
        else if (attempt.HoldsPermit)
        {
            lock (_lock)
            {
                ReturnPermitsUnsynchronized(attempt);
                SettleUnsynchronized(_time.GetTimestamp());
            }

            FinishOutside();
        }

        End(attempt, answered: served);
    }

    /// <summary>How many attempts run at an endpoint now.</summary>
    public int Running(Endpoint endpoint) => _attempts.CountAt(endpoint);

    /// <summary>Looks at all endpoints at one moment.</summary>
    public T Read<T>(Func<IReadOnlyList<Endpoint>, long, T> reading)
    {
        T result;
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            SettleUnsynchronized(now);
            result = reading(_members.Endpoints, now);
        }

        FinishOutside();
        return result;
    }

    /// <summary>Refuses new calls, wakes those that wait, and lets go of the transport when the last attempt has ended.</summary>
    public void Dispose()
    {
        List<Waiter> waiting = [];
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            foreach (EndpointGroup group in _members.Groups)
            {
                while (group.Line.Head is { } head && group.Line.Leave(head))
                {
                    waiting.Add(head);
                }
            }
        }

        _wake.Dispose();
        foreach (Waiter waiter in waiting)
        {
            waiter.TrySetException(DisposedException());
        }

        // The fence that Begin and End do without: each of them either sees the flag from here on, or what it did to its mark is seen below.
        Interlocked.MemoryBarrierProcessWide();
        ReleaseIfIdle();
    }

    /// <summary>Starts an attempt, unless the pool was disposed or the endpoint removed in the same moment.</summary>
    private Attempt? Begin(Attempt attempt, Endpoint endpoint)
    {
        // Marked as running before the flags are read, without a fence: whoever sets one has a barrier in every thread, and then looks for marks.
        attempt.Begin(endpoint, Volatile.Read(ref _generation));
        if (_disposed || endpoint.IsRetired)
        {
            _attempts.Return(attempt);
            LookWhoIsLeft(endpoint);
            return null;
        }

        return attempt;
    }

    private void NoteTime(Attempt attempt, bool streamed)
    {
        Endpoint endpoint = attempt.Endpoint;
        TimeSpan took = attempt.Took(_time.GetTimestamp());
        endpoint.Vitals.Add(took, attempt.Usage.Length);
        if (!streamed)
        {
            _longest.Add(took);
            endpoint.Vitals.Answered(attempt.Number, took);
        }
    }

    private void End(Attempt attempt, bool answered)
    {
        Endpoint endpoint = attempt.Endpoint;
        (bool counted, AttemptTrace? trace) = (false, null);
        if (!attempt.IsPlain)
        {
            (counted, trace) = (attempt.IsCounted, attempt.Trace);
            if (attempt.HasUsage)
            {
                CountUsage(endpoint, attempt.Usage);
            }
        }

        // Before the attempt is reset: an interlocked operation would wait for that, and the attempt is still this call's alone, so what it counts apart is too.
        long answers = endpoint.Ended(attempt, answered, counted);
        _attempts.Return(attempt);
        PoolMembers members = _members;
        if (answered)
        {
            bool compare = (answers & (counted ? members.CompareEvery : members.CompareAtOnceEvery)) == 0;
            if (compare || (_attempts.HasCrowd && (answers & members.ObserveEvery) == 0 && HasSuspect(members)))
            {
                Observe(compare);
            }
        }

        trace?.End();

        if (_disposed || endpoint.IsRetired)
        {
            LookWhoIsLeft(endpoint);
        }
    }

    private void CountUsage(Endpoint endpoint, in TokenCounts usage)
    {
        endpoint.CountUsage(usage);
        Instruments.Used(endpoint.Name, usage);
    }

    private void LookWhoIsLeft(Endpoint endpoint)
    {
        if (endpoint.IsRetired)
        {
            TellWhoHasLeft();
        }

        if (_disposed)
        {
            ReleaseIfIdle();
        }
    }

    private void ReleaseIfIdle()
    {
        // Two attempts that end last both take back their marks before this fence and look after it, so one of them finds that none runs.
        Interlocked.MemoryBarrier();
        if (!_attempts.AnyRuns() && Interlocked.Exchange(ref _released, 1) == 0)
        {
            _attempts.Dispose();
            _release();
        }
    }

    private void TellOutUnsynchronized(Endpoint endpoint, Health target, in AttemptOutcome outcome, long now) =>
        endpoint.IsToldOut |= !endpoint.IsRetired && _log.WentOut(endpoint.Name, outcome.Kind, outcome.Status, _time.Until(now, target.OutUntil), outcome.Exception);

    private void OnWake()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _dirty = true;
            SettleUnsynchronized(_time.GetTimestamp());
        }

        FinishOutside();
    }
}
