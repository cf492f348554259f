using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Balancing.Sharing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// The conductor: it holds the lock, and fixes the order of entry: settle, then pick, queue or apply a new configuration, then settle again. The rules are in its parts.
/// </summary>
/// <remarks>
/// A call that succeeds at a healthy endpoint never takes the lock. All other calls do, for a moment: they are rare, or wait anyway. No code of the user's runs under
/// the lock: <see cref="DeferredWork"/> runs logs and cancellations after it.
/// </remarks>
internal sealed class Balancer : IDisposable
{
    /// <summary>Before the first epoch of every endpoint.</summary>
    private const int BeforeAll = -1;

    private readonly Lock _lock;
    private readonly PoolLog _log;
    private readonly PoolState _state;
    private readonly InFlight _inFlight;
    private readonly Admission _admission;
    private readonly Selection _selection;
    private readonly Settlement _settlement;
    private readonly DeferredWork _deferred;
    private readonly ITimer _wake;
    private readonly Hearsay? _hearsay;
    private readonly PermitAsks? _asks;

    /// <param name="members">The endpoints and pickers of the pool.</param>
    /// <param name="time">The source of all time.</param>
    /// <param name="log">The pool's log.</param>
    /// <param name="instruments">The pool's metrics.</param>
    /// <param name="release">Run once, after disposal and after the last attempt has ended.</param>
    /// <param name="backplane">Where facts are shared; null for nowhere.</param>
    /// <param name="resume">Lets a call go on that has waited; null for the thread pool.</param>
    public Balancer(PoolMembers members, TimeProvider time, PoolLog log, Instruments instruments, Action release, IPoolBackplane? backplane = null, Action<Waiter>? resume = null)
    {
        (Time, Instruments, _log) = (time, instruments, log);
        _state = new PoolState(members);
        _lock = _state.Lock;
        (_inFlight, _admission) = (new InFlight(time, log, release), new Admission(time, resume));
        SharedFacts? facts = backplane is null ? null : new(backplane, time, instruments, log);
        _deferred = new DeferredWork(log, facts);
        _wake = time.CreateDetachedTimer(static state => ((Balancer)state!).OnWake(), this, Timeout.InfiniteTimeSpan);
        RetryBudget budget = new(time);
        PermitHolders permits = new(time);
        ProbeSchedule probes = new(time, budget, _state.CallsBegun);
        StuckCalls stuck = new(time, _inFlight, budget, _state.CallsBegun);
        AgedCalls aged = new(time, _inFlight, budget, _state.CallsBegun);
        OutcomeWriter outcomes = new(_state, time, _inFlight, permits, log, facts);
        _selection = new Selection(_state, time, _inFlight, permits, probes, _admission, facts);
        _asks = facts is null ? null : new(_state, time, facts);
        _settlement = new Settlement(_state, time, _inFlight, permits, probes, stuck, outcomes, _selection, log, _deferred, _wake, _asks);
        _deferred.Permits = _asks is null ? null : new(backplane!, _asks, _state, time, _inFlight, log, instruments, _settlement, _deferred);
        SharedSilence? silence = facts is null ? null : new(new SilentCalls(_inFlight, _state.CallsBegun, time), facts, time);
        Tracker = new AttemptTracker(_state, time, instruments, _inFlight, outcomes, aged, _settlement, _deferred, silence);
        lock (_lock)
        {
            members.Apply();
            _asks?.Share(members);
            _settlement.Settle(time.GetTimestamp());
            Tracker.BeginWatching(members.Endpoints);
        }

        _hearsay = facts is null ? null : new(backplane!, _state, time, instruments, _inFlight, facts, silence!, outcomes, log, _settlement, _deferred, probes);
    }

    public TimeProvider Time { get; }

    public Instruments Instruments { get; }

    /// <summary>Takes the outcomes of attempts.</summary>
    public AttemptTracker Tracker { get; }

    public bool IsDisposed => _inFlight.IsClosed;

    /// <summary>The number of calls in all queues.</summary>
    public int WaitingCalls
    {
        get
        {
            lock (_lock)
            {
                return _state.Unsettled.Queued.Sum(static picker => picker.Queue.Length);
            }
        }
    }

    /// <summary>The exception of a call after the pool's disposal. It names the pool's public type.</summary>
    public static ObjectDisposedException DisposedException() => new(PoolLog.Category);

    /// <summary>Begins an attempt at the next endpoint without the lock; null while a state change is due or calls are queued.</summary>
    public Attempt? TryBegin(Picker picker, uint affinity)
    {
        if (!picker.TryPick(affinity, out Endpoint? endpoint))
        {
            return null;
        }

        Attempt? attempt = _inFlight.TryBegin(endpoint, _state.Epoch);
        if (attempt is not null && affinity != 0)
        {
            // A pick with an affinity reads the calls in flight, so each counts from its start.
            Tracker.Count(attempt);
        }

        return attempt;
    }

    /// <summary>
    /// An attempt that is no new work for the endpoint, such as asking for the result of a job: it begins whatever the endpoint's state, without a turn or a limit. What becomes
    /// of it counts as of an attempt from before all that has happened there. Null if the endpoint has left or the pool is disposed.
    /// </summary>
    public Attempt? TryPoll(Endpoint endpoint) => _inFlight.TryBegin(endpoint, BeforeAll);

    /// <summary>As <see cref="TryBegin"/>, but under the lock, while an endpoint is limited or a state change is due; null where one pick finds none, or calls are queued.</summary>
    public Attempt? TryBeginLocked(Picker picker, uint affinity, TokenEstimate tokens)
    {
        Attempt? attempt;
        lock (_lock)
        {
            if (IsDisposed)
            {
                return null;
            }

            long now = Time.GetTimestamp();
            _settlement.Settle(now);
            attempt = _selection.TakeTurn(picker, affinity, now);
            if (attempt is null && (attempt = _selection.TakeFirst(picker, affinity, tokens, now)) is not null)
            {
                _settlement.Plan(attempt, picker, now);
            }
        }

        if (attempt is not null)
        {
            // A call that finds none goes on by Next, which runs it.
            _deferred.Run();
        }
        return attempt;
    }

    /// <summary>The next endpoint for a call, or what the call does while there is none.</summary>
    public PickResult Next(PickRequest request)
    {
        PickResult result;
        lock (_lock)
        {
            if (IsDisposed)
            {
                return PickResult.Refused(Refusal.Disposed);
            }

            long now = Time.GetTimestamp();
            _settlement.Settle(now);
            result = _selection.Pick(request, now);
            if (result.Kind == PickKind.Queued)
            {
                _settlement.Settle(now);
            }
            else if (result.Kind == PickKind.Attempt)
            {
                _settlement.Plan(result.Attempt!, request.Picker, now);
            }
        }

        _deferred.Run();
        return result;
    }

    /// <summary>The next endpoint in the rotation that suits, for use outside of a call; null where none does.</summary>
    public Endpoint? Peek(Picker picker, Func<Endpoint, bool> suits)
    {
        if (IsDisposed)
        {
            throw DisposedException();
        }

        Read(static (_, _) => 0);
        return picker.Peek(suits);
    }

    /// <summary>The caller gave up: takes its call out of the queue. False if it was released or refused in the same moment.</summary>
    public bool Leave(Waiter waiter)
    {
        lock (_lock)
        {
            return waiter.Request.Picker.Queue.Remove(waiter);
        }
    }

    /// <summary>The result for a call that was refused while it was queued.</summary>
    public PickResult Dismissed(Picker picker)
    {
        lock (_lock)
        {
            return _admission.Dismissed(picker, Time.GetTimestamp());
        }
    }

    /// <inheritdoc cref="AttemptCache.BegunHere"/>
    public Endpoint? BegunHere => _inFlight.BegunHere;

    /// <summary>Reads the endpoints at one moment, under the lock.</summary>
    public T Read<T>(Func<PoolState, long, T> reading)
    {
        T result;
        lock (_lock)
        {
            long now = Time.GetTimestamp();
            _settlement.Settle(now);
            result = reading(_state, now);
        }

        _deferred.Run();
        return result;
    }

    /// <summary>All endpoints, and the condition of those that are not healthy, at one moment. What is done under the lock grows with these only.</summary>
    public (Endpoint[] Endpoints, Dictionary<Endpoint, EndpointCondition> Unhealthy) ReadConditions() => Read((state, now) =>
    {
        Dictionary<Endpoint, EndpointCondition> unhealthy = [];
        foreach (Endpoint endpoint in state.Unsettled.Unhealthy.SelectMany(state.Members.EndpointsOf))
        {
            EndpointHealth health = endpoint.Health;
            unhealthy[endpoint] = new(health.State, health.Reason, health.IsHearsay, Time.Until(now, health.UnavailableUntil));
        }

        return (state.Members.Endpoints, unhealthy);
    });

    /// <summary>
    /// Applies a new configuration: endpoints that stay keep their state and their calls, new ones join the rotation, and no call begins at those that leave.
    /// </summary>
    /// <param name="members">The endpoints and pickers from here on.</param>
    /// <returns>False where the pool was disposed before.</returns>
    public bool Change(PoolMembers members)
    {
        lock (_lock)
        {
            if (IsDisposed)
            {
                return false;
            }

            MembersChange change = members.Since(_state.Members);
            _inFlight.Retire(change.Left);
            _state.Members = members;
            members.Apply();
            _asks?.Share(members);
            foreach (Picker picker in change.LeftPickers)
            {
                picker.Become([], hasHomes: false);
                picker.Rebuild();
                Admission.Dismiss(picker, long.MaxValue);
            }

            long now = Time.GetTimestamp();
            foreach (Endpoint endpoint in change.Reconfigured)
            {
                // Outcomes of attempts with the old key say nothing of the new one.
                endpoint.ForgetAnswers();
                endpoint.IsLoggedUnavailable &= !endpoint.Health.Reconfigured(_state.NextEpoch(), now);
            }

            Tracker.BeginWatching(change.Joined);
            _log.Changed(NamesOf(change.Joined), NamesOf(change.Left), NamesOf(change.Changed));
            _state.HasChanged = true;
            _settlement.Settle(now);
        }

        // T1 begins an attempt at an endpoint that has left: marks it as running, reads the flag. T2 (here): has set the flag, process-wide fence, reads the marks. T1
        // sees the flag, or T2 sees the attempt and does not log the endpoint as drained.
        Interlocked.MemoryBarrierProcessWide();
        _inFlight.TellDrained();
        _deferred.Run();
        return true;
    }

    /// <summary>Refuses new and queued calls, and releases the transport after the last attempt has ended.</summary>
    public void Dispose()
    {
        List<Waiter> waiting = [];
        lock (_lock)
        {
            if (IsDisposed)
            {
                return;
            }

            _inFlight.Close(_state.Members.Endpoints);
            foreach (Picker picker in _state.Members.Pickers)
            {
                while (picker.Queue.Head is { } head && picker.Queue.Remove(head))
                {
                    waiting.Add(head);
                }
            }
        }

        _hearsay?.Dispose();
        _deferred.Permits?.Dispose();
        _wake.Dispose();
        foreach (Waiter waiter in waiting)
        {
            waiter.TryFail(DisposedException());
        }

        Interlocked.MemoryBarrierProcessWide();
        _inFlight.Drain();
    }

    private static string[] NamesOf(Endpoint[] endpoints) => Array.ConvertAll(endpoints, static endpoint => endpoint.Name);

    private void OnWake()
    {
        lock (_lock)
        {
            if (IsDisposed)
            {
                return;
            }

            _state.HasChanged = true;
            _settlement.Settle(Time.GetTimestamp());
        }

        _deferred.Run();
    }
}
