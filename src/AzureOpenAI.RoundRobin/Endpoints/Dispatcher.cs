using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using AzureOpenAI.RoundRobin.Attempts;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>
/// The one writer of endpoint state. Takes what became of attempts, keeps each group's rotation, and releases the lines.
/// </summary>
/// <remarks>
/// A call that meets fit endpoints and succeeds never takes the lock. Everything else does, for a moment: it is rare, or waits anyway.
/// Methods that end in <c>Unsynchronized</c> need it. No code of the user's runs under it.
/// </remarks>
internal sealed partial class Dispatcher : IDisposable
{
    /// <summary>A stated pause shorter than this passes the endpoint's turn over and leaves the rotation as it is.</summary>
    private static readonly TimeSpan ShortestRebuild = TimeSpan.FromMilliseconds(100);

    /// <summary>A client that sends the same too large request again and again is told of once in so long.</summary>
    private static readonly TimeSpan SuspectNoteSpacing = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly PoolLog _log;
    private readonly AttemptCache _attempts;
    private readonly RetryBudget _budget;
    private readonly EndpointGroup[] _groups;
    private readonly Endpoint[] _endpoints;
    private readonly Health[] _healths;
    private readonly List<Attempt> _unadmitted = [];
    private readonly ITimer _wake;
    private readonly Action _release;
    private int _generation;
    private long _nextSettle = long.MinValue;
    private bool _dirty = true;
    private volatile bool _disposed;
    private int _released;

    /// <param name="endpoints">All endpoints of the pool.</param>
    /// <param name="groups">The models, each with those of the endpoints that answer it.</param>
    /// <param name="time">The source of all time.</param>
    /// <param name="log">What operators are told.</param>
    /// <param name="instruments">What is measured.</param>
    /// <param name="release">Run once, after disposal and after the last attempt has ended.</param>
    public Dispatcher(Endpoint[] endpoints, EndpointGroup[] groups, TimeProvider time, PoolLog log, Instruments instruments, Action release)
    {
        _endpoints = endpoints;
        _groups = groups;
        _time = time;
        _log = log;
        Instruments = instruments;
        _release = release;
        _attempts = new AttemptCache(time);
        _budget = new RetryBudget(time);
        _healths = [.. endpoints.SelectMany(endpoint => new[] { endpoint.Health, endpoint.Resource.Health }).Distinct()];
        _observeEvery = BitOperations.RoundUpToPowerOf2((uint)Math.Max(LeastBetweenLooks, 2 * endpoints.Length)) - 1L;
        _compareEvery = Math.Max(LeastBetweenComparisons - 1L, _observeEvery);
        _wake = time.CreateTimer(static state => ((Dispatcher)state!).OnWake(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        lock (_lock)
        {
            SettleUnsynchronized(time.GetTimestamp());
            BeginWatching();
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
                return _groups.Sum(static group => group.Line.Length);
            }
        }
    }

    /// <summary>The quick way: an attempt at the next in turn, where nothing is due and nobody waits.</summary>
    public bool TryBegin(EndpointGroup group, uint affinity, [NotNullWhen(true)] out Attempt? attempt)
    {
        attempt = TryPick(group, affinity, out Endpoint? endpoint) ? Begin(endpoint) : null;
        if (affinity != 0)
        {
            // The next pick for the same conversation goes by the calls in flight, so it must see this one from its start.
            attempt?.Count();
        }

        return attempt is not null;
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
        ObjectDisposedException.ThrowIf(_disposed, typeof(EndpointPool));
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

    /// <summary>The endpoint took the call: it is admitted, though not yet answered.</summary>
    /// <param name="attempt">The attempt that runs.</param>
    /// <param name="withContent">Whether it has content; where errors put the endpoint out, a beginning without any proves nothing.</param>
    public void Admitted(Attempt attempt, bool withContent = true)
    {
        if (attempt.Endpoint.IsClean && (!attempt.HoldsPermit || attempt.IsAdmitted))
        {
            return;
        }

        lock (_lock)
        {
            long now = _time.GetTimestamp();
            _dirty |= attempt.Endpoint.Hints.Take(now);
            if (withContent || !IsOutForErrors(attempt.Endpoint))
            {
                AdmitUnsynchronized(attempt, now, completed: false);
            }

            ReviveUnsynchronized(attempt, now);
            SettleUnsynchronized(now);
        }

        FinishOutside();
    }

    /// <summary>The endpoint answered, in full.</summary>
    /// <param name="attempt">The attempt that ended.</param>
    /// <param name="streamed">Whether the answer came piece by piece, so that the time to its first content has been noted before.</param>
    public void Succeeded(Attempt attempt, bool streamed = false)
    {
        Endpoint endpoint = attempt.Endpoint;
        if (attempt.StartedAt != 0)
        {
            TimeSpan took = attempt.Took(_time.GetTimestamp());
            endpoint.Vitals.Add(took, attempt.Usage.Length);
            if (!streamed)
            {
                _longest.Add(took);
                endpoint.Vitals.Answered(attempt.Number, took);
            }
        }

        if (attempt.HoldsPermit || !endpoint.IsClean)
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
            attempt.Endpoint.Vitals.Heard(attempt.Number);
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

    /// <summary>The attempt failed at the endpoint's cost.</summary>
    /// <param name="attempt">The attempt that ended.</param>
    /// <param name="outcome">What became of it.</param>
    /// <param name="failure">The same in the caller's terms.</param>
    /// <param name="fingerprint">Tells requests apart, for one that no limit admits.</param>
    /// <param name="blame">False to note the failure only; <see cref="Blame"/> follows if it turns out to be the endpoint's.</param>
    public void Failed(Attempt attempt, in AttemptOutcome outcome, EndpointAttempt failure, int fingerprint, bool blame)
    {
        Endpoint endpoint = attempt.Endpoint;
        if (outcome.Kind is not (OutcomeKind.Slow or OutcomeKind.Silent))
        {
            endpoint.Vitals.Heard(attempt.Number);
        }

        lock (_lock)
        {
            long now = _time.GetTimestamp();
            endpoint.CountFailure(outcome.Kind, failure.Duration);
            endpoint.LastFailure = failure;
            Health target = TargetOf(endpoint, outcome);
            if (attempt.HoldsResourcePermit && target == endpoint.Health && outcome.Status > 0)
            {
                // The deployment refused, so its resource is there.
                AdmitResourceUnsynchronized(attempt, now);
            }

            bool onProbation = attempt.HoldsPermit;
            ReturnPermitsUnsynchronized(attempt);
            if (blame)
            {
                BlameUnsynchronized(endpoint, attempt.Generation, outcome, failure.Duration, fingerprint, onProbation, now);
            }

            SettleUnsynchronized(now);
        }

        End(attempt, answered: false);
        FinishOutside();
    }

    /// <summary>Holds an earlier failure against its endpoint after all.</summary>
    public void Blame(Endpoint endpoint, int generation, in AttemptOutcome outcome, TimeSpan cost)
    {
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            BlameUnsynchronized(endpoint, generation, outcome, cost, fingerprint: 0, onProbation: false, now);
            SettleUnsynchronized(now);
        }

        FinishOutside();
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
            result = reading(_endpoints, now);
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
            foreach (EndpointGroup group in _groups)
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
            waiter.TrySetException(new ObjectDisposedException(nameof(EndpointPool)));
        }

        // The fence that Begin and End do without: each of them either sees the flag from here on, or what it did to its mark is seen below.
        Interlocked.MemoryBarrierProcessWide();
        ReleaseIfIdle();
    }

    /// <summary>Starts an attempt, unless the pool was disposed in the same moment.</summary>
    private Attempt? Begin(Endpoint endpoint)
    {
        // Marked as running before the flag is read, without a fence: disposal sets the flag, has a barrier in every thread, and then looks for marks.
        Attempt attempt = _attempts.Rent();
        attempt.Begin(endpoint, Volatile.Read(ref _generation), CallsBegun());
        if (_disposed)
        {
            _attempts.Return(attempt);
            ReleaseIfIdle();
            return null;
        }

        return attempt;
    }

    private void End(Attempt attempt, bool answered)
    {
        Endpoint endpoint = attempt.Endpoint;
        bool counted = attempt.IsCounted;
        TokenCounts usage = attempt.Usage;
        AttemptTrace? trace = attempt.Trace;
        _attempts.Return(attempt);
        if ((answered || counted) && endpoint.Ended(answered, counted) is var answers && (answers & _observeEvery) == 0 && answered)
        {
            Observe(compare: (answers & _compareEvery) == 0);
        }

        if (!usage.IsEmpty)
        {
            endpoint.CountUsage(usage);
            Instruments.Used(endpoint.Name, usage);
        }

        trace?.End();

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

    private static bool IsOutForErrors(Endpoint endpoint) =>
        endpoint.Resource.Health is { Condition: not Condition.Fit, Reason: OutcomeKind.Fault or OutcomeKind.Broken };

    private bool IsAlone(Endpoint endpoint) =>
        Array.TrueForAll(_groups, group => group.Endpoints.Length == 1 || !group.Endpoints.Contains(endpoint));

    private bool IsLastOpen(Endpoint endpoint) =>
        Array.TrueForAll(_groups, group => !group.Endpoints.Contains(endpoint) || Array.TrueForAll(group.Endpoints, other => other.Resource == endpoint.Resource || !other.IsOpen));

    private static Health TargetOf(Endpoint endpoint, in AttemptOutcome outcome) => outcome.Kind switch
    {
        OutcomeKind.Credential or OutcomeKind.Unreachable or OutcomeKind.Fault or OutcomeKind.Broken => endpoint.Resource.Health,
        _ => endpoint.Health,
    };

    private void TakeBack(Attempt attempt)
    {
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            AdmitUnsynchronized(attempt, now, completed: true);
            _dirty |= attempt.Endpoint.Hints.Take(now) | attempt.Endpoint.Capacity.HoldsBack;
            ReviveUnsynchronized(attempt, now);
            SucceededUnsynchronized(attempt.Endpoint.Health, attempt.Generation);
            SucceededUnsynchronized(attempt.Endpoint.Resource.Health, attempt.Generation);
            SettleUnsynchronized(now);
        }

        FinishOutside();
    }

    private static void SucceededUnsynchronized(Health health, int generation)
    {
        if (generation >= health.StruckAt)
        {
            health.Succeeded();
        }
    }

    private void AdmitUnsynchronized(Attempt attempt, long now, bool completed)
    {
        if (!attempt.HoldsPermit || attempt.IsAdmitted
            || (!completed && (attempt.Endpoint.Health.NeedsCompletion || attempt.Endpoint.Resource.Health.NeedsCompletion)))
        {
            return;
        }

        attempt.IsAdmitted = true;
        _unadmitted.Remove(attempt);
        _dirty = true;
        if (attempt.HoldsOwnPermit && attempt.Generation >= attempt.Endpoint.Health.StruckAt)
        {
            attempt.Endpoint.Health.Admit(now);
            if (attempt.Endpoint.Health is { Condition: Condition.Returning, Reason: OutcomeKind.RateLimited } && attempt.Endpoint.Capacity.Admitted())
            {
                attempt.Endpoint.Health.Reopen(now);
            }
        }

        AdmitResourceUnsynchronized(attempt, now);
    }

    private void AdmitResourceUnsynchronized(Attempt attempt, long now)
    {
        if (attempt.HoldsResourcePermit && attempt.Generation >= attempt.Endpoint.Resource.Health.StruckAt)
        {
            attempt.Endpoint.Resource.Health.Admit(now);
            _dirty = true;
        }

        attempt.HoldsResourcePermit = false;
        if (!attempt.HoldsOwnPermit)
        {
            _unadmitted.Remove(attempt);
        }
    }

    private void ReturnPermitsUnsynchronized(Attempt attempt)
    {
        if (!attempt.HoldsPermit)
        {
            return;
        }

        _unadmitted.Remove(attempt);
        if (!attempt.IsAdmitted)
        {
            if (attempt.HoldsOwnPermit && attempt.Generation >= attempt.Endpoint.Health.StruckAt)
            {
                attempt.Endpoint.Health.ReturnPermit();
            }

            if (attempt.HoldsResourcePermit && attempt.Generation >= attempt.Endpoint.Resource.Health.StruckAt)
            {
                attempt.Endpoint.Resource.Health.ReturnPermit();
            }
        }

        attempt.HoldsOwnPermit = false;
        attempt.HoldsResourcePermit = false;
        _dirty = true;
    }

    /// <summary>The deployment has no room, nor has the one that would have taken over: so all of the resource's deployments rest, each for as long as was said.</summary>
    private void BlameAllUnsynchronized(Endpoint endpoint, int generation, in AttemptOutcome outcome, TimeSpan cost, int fingerprint, bool onProbation, long now)
    {
        AttemptOutcome each = new(outcome.Kind, outcome.Exception, outcome.Status, outcome.Hint, outcome.Response);
        foreach (Endpoint other in _endpoints)
        {
            if (other != endpoint && other.Resource == endpoint.Resource)
            {
                BlameUnsynchronized(other, _generation, each, cost, fingerprint, onProbation: false, now);
            }
        }

        BlameUnsynchronized(endpoint, generation, each, cost, fingerprint, onProbation, now);
    }

    private void BlameUnsynchronized(Endpoint endpoint, int generation, in AttemptOutcome outcome, TimeSpan cost, int fingerprint, bool onProbation, long now)
    {
        if (outcome is { Kind: OutcomeKind.RateLimited, ExhaustsResource: true })
        {
            BlameAllUnsynchronized(endpoint, generation, outcome, cost, fingerprint, onProbation, now);
            return;
        }

        Health target = TargetOf(endpoint, outcome);
        if (generation < target.StruckAt)
        {
            bool wentOut = target.FailedLate(outcome, now, _generation + 1);
            if (target == endpoint.Health && outcome.Kind == OutcomeKind.RateLimited && target.Condition == Condition.Out)
            {
                RejectedUnsynchronized(endpoint, outcome.StatedPause is null ? now : target.StatedUntil, now);
            }

            if (wentOut)
            {
                _generation++;
                TellOutUnsynchronized(endpoint, target, outcome, now);
            }

            _dirty = true;
            return;
        }

        if (outcome.IsSuspectRequest && !target.Suspects(fingerprint))
        {
            if (now >= endpoint.TellsSuspectAt)
            {
                endpoint.TellsSuspectAt = _time.After(now, SuspectNoteSpacing);
                _log.SuspectedRequest(endpoint.Name, outcome.Hint!.Value);
            }

            return;
        }

        if (outcome.StatedPause < ShortestRebuild && target == endpoint.Health && endpoint.IsFit && _groups.All(group => group.Line.Length == 0))
        {
            endpoint.SkippedUntil = Math.Max(endpoint.SkippedUntil, _time.After(now, outcome.StatedPause.Value));
            _dirty = true;
            return;
        }

        if (outcome is { Kind: OutcomeKind.Fault or OutcomeKind.Broken, StatedPause: null } && IsAlone(endpoint))
        {
            // It has nobody to stand in for it, so it is never out for an error: its calls come back one by one, as the SDK's own retries would.
            return;
        }

        if (outcome is { Kind: OutcomeKind.Fault or OutcomeKind.Broken, StatedPause: null } && endpoint.Resource.Health.IsPartlyWell && IsLastOpen(endpoint))
        {
            // With it the whole pool would be out, though each of them answers some of the calls.
            target.Endured();
            return;
        }

        if (target.Failed(outcome, cost, onProbation, now, _generation + 1))
        {
            if (outcome is { Kind: OutcomeKind.RateLimited, IsSuspectRequest: false } && target == endpoint.Health)
            {
                RejectedUnsynchronized(endpoint, outcome.StatedPause is null ? now : target.StatedUntil, now);
            }

            _generation++;
            _dirty = true;
            TellOutUnsynchronized(endpoint, target, outcome, now);
        }
    }

    private void TellOutUnsynchronized(Endpoint endpoint, Health target, in AttemptOutcome outcome, long now) =>
        endpoint.IsToldOut |= _log.WentOut(endpoint.Name, outcome.Kind, outcome.Status, _time.Until(now, target.OutUntil), outcome.Exception);

    private void RejectedUnsynchronized(Endpoint endpoint, long until, long now)
    {
        endpoint.Hints.Confirm();
        endpoint.Capacity.Rejected(now, endpoint.Capacity.IsCounted ? 0 : Taken(endpoint, _time.Until(now, until), now));
    }

    /// <summary>How many calls the endpoint took in the window which a rejection has just closed: those that run, and about as many as it answered.</summary>
    private int Taken(Endpoint endpoint, TimeSpan pause, long now)
    {
        // The pause is what is left of the window, so the rest of it is over.
        TimeSpan passed = ServiceWindows.AtLeast(pause) - pause;
        double taken = endpoint.Capacity.AnsweredWithin(passed, endpoint.Answered, now);
        foreach (Attempt attempt in _attempts.Snapshot())
        {
            taken += attempt.Endpoint == endpoint && _time.Until(attempt.StartedAt, now) <= passed ? 1 : 0;
        }

        return (int)taken;
    }

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
