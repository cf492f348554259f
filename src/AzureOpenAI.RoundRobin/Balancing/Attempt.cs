using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Telemetry;
using AzureOpenAI.RoundRobin.Transport;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// One attempt at one endpoint: its token, its deadline, and how far it got. The object is reused for later attempts once this one has ended.
/// </summary>
/// <remarks>
/// The client gets this object's own token, which the deadline and the caller's token both cancel. The timer is armed lazily and outlives single attempts, so the
/// deadline costs nothing for attempts that end in time. <c>_armed</c> is the number of the present wait: a timer callback cancels only if the number has not changed
/// since it compared the clock with the deadline, so it never cancels an attempt that reuses the object.
/// </remarks>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "The cache owns all attempts, and disposes their timers in LetGo.")]
internal sealed class Attempt(AttemptCache cache, TimeProvider time) : IRequestScope, ICallOwner
{
    private const long Idle = 0;
    private const long Fired = -1;
    private const long Moved = -2;

    private readonly TimeProvider _time = time;
    private readonly CancellationTokenSource _source = new();
    private ITimer? _timer;
    private long _timerDue = long.MaxValue;
    private long _deadline;
    private long _latest;
    private long _agedAt = long.MaxValue;
    private TimeSpan _limit;
    private long _span;
    private long _armed;
    private long _waits;
    private CancellationTokenRegistration _callers;
    private EndpointMessage? _request;
    private StreamLease? _lease;
    private AttemptHead _head;
    private TokenCounts _usage;

    /// <summary>The cache that the object returns to.</summary>
    public AttemptCache Cache { get; } = cache;

    /// <summary>Nothing is noted on it but its endpoint, so there is nothing to count and nothing to reset. One read, for a call that completes synchronously.</summary>
    public bool IsPlain => _head.Marks.All == 0;

    /// <summary>Not null while the attempt runs.</summary>
    public Endpoint Endpoint => Volatile.Read(ref _head.Endpoint)!;

    /// <summary>No attempt runs in this object. Another thread may read what was true a moment ago.</summary>
    public bool IsIdle => Volatile.Read(ref _head.Endpoint) is null;

    /// <summary>The object has left the cache, and is never used again.</summary>
    public bool IsGone { get => Volatile.Read(ref field); private set => Volatile.Write(ref field, value); }

    /// <summary>Its place in the <see cref="AttemptSet"/>; less than 0 where it is not there.</summary>
    public int Place { get; set; } = -1;

    /// <summary>The thread whose slot holds the object, running or idle; null if it is in no slot.</summary>
    public Thread? Keeper { get; set; }

    /// <summary>Its token may be in use after its end, so it must not become another attempt's.</summary>
    public bool IsTokenKept { get; set => field = Note(value); }

    /// <summary>The caller's token, if it can be cancelled.</summary>
    public CancellationToken Caller { get; private set; }

    /// <summary>The pool's epoch when this was picked.</summary>
    public int Epoch { get; private set; }

    /// <summary>The number of calls that the pool had begun when this one was counted in flight; wraps.</summary>
    public uint Number { get; private set; }

    /// <summary>It has been answered; for a stream, its first content has come.</summary>
    public bool IsAnswered { get => _head.Marks.IsAnswered; set => _head.Marks.IsAnswered = value; }

    /// <summary>When it began, as far as it is counted in flight. Written with release after <see cref="Number"/>, so a thread that reads a start also reads its number.</summary>
    public long StartedAt { get => Volatile.Read(ref _head.StartedAt); set => Volatile.Write(ref _head.StartedAt, Note(value)); }

    /// <summary>The calls in flight at its endpoint when it was sent, with it; 0 where nobody watches.</summary>
    public int Met { get; set => field = Note(value); }

    /// <summary>The same, also for one that may still complete synchronously, if it was picked under the lock; else 0, since that never reads the clock.</summary>
    public long BeganAt => StartedAt is var started && started != 0 ? started : _head.PickedAt;

    /// <summary>How long it has taken; zero where nobody read the clock.</summary>
    public TimeSpan Took(long now) => BeganAt is var began && began == 0 ? TimeSpan.Zero : _time.Until(began, now);

    /// <summary>The permits that it acquired, where its deployment or its resource was not healthy when it was picked.</summary>
    public Permit Permit
    {
        get => new(_head.Marks.HoldsDeploymentPermit, _head.Marks.HoldsResourcePermit);
        set => (_head.Marks.HoldsDeploymentPermit, _head.Marks.HoldsResourcePermit) = (value.OfDeployment, value.OfResource);
    }

    public bool IsAdmitted { get => _head.Marks.IsAdmitted; set => _head.Marks.IsAdmitted = value; }

    /// <summary>It is one of its endpoint's <see cref="Endpoint.InFlight"/>.</summary>
    public bool IsCounted { get => _head.Marks.IsCounted; private set => _head.Marks.IsCounted = value; }

    /// <summary>The request reached the transport.</summary>
    public bool IsSent { get => _head.Marks.IsSent; set => _head.Marks.IsSent = value; }

    /// <summary>Something of an answer has come: an update of its stream. Not among the flags: such an attempt has one of those too.</summary>
    public bool IsHeard { get => Volatile.Read(ref field); set => Volatile.Write(ref field, value); }

    /// <summary>It may be relocated: no content has reached the caller, and the call has not been relocated before.</summary>
    public bool CanRelocate { get => _head.Marks.IsMovable; set => _head.Marks.IsMovable = value; }

    /// <summary>The tokens that the answer cost, as far as they are known.</summary>
    public TokenCounts Usage { get => _usage; set => _usage = Note(value); }

    public bool HasUsage => !_usage.IsEmpty;

    /// <summary>What has come of a stream so far; null where nobody counts.</summary>
    public ReceivedBytes? Received { get; private set; }

    /// <summary>Null where no listener is attached.</summary>
    public AttemptTrace? Trace { get; set => field = Note(value); }

    IAnswerListener IRequestScope.AnswerListener => Endpoint.Hints;

    IStatusListener? IRequestScope.StatusListener => Trace;

    /// <summary>What ended it after its content had reached the caller.</summary>
    public StrongBox<AttemptOutcome>? Interruption { get; set => field = Note(value); }

    public CancellationToken Token => _source.Token;

    public bool TimedOut => Volatile.Read(ref _armed) == Fired;

    public bool IsRelocated => Volatile.Read(ref _armed) == Moved;

    public bool HoldsPermit => _head.Marks.HoldsDeploymentPermit || _head.Marks.HoldsResourcePermit;

    public void Begin(Endpoint endpoint, int epoch, long pickedAt = 0)
    {
        (Epoch, _head.PickedAt) = (epoch, pickedAt);
        Volatile.Write(ref _head.Endpoint, endpoint);
    }

    /// <summary>The status of the latest answer that it got, as soon as its head has come; 0 before, and for a ready-made client.</summary>
    public int HeadStatus => _request?.HeadStatus ?? 0;

    void IRequestScope.Sends(EndpointMessage request) => (_request, IsSent) = (request, true);

    /// <summary>Counts it in flight, once, before it is awaited. An attempt that completes synchronously is never counted.</summary>
    /// <param name="number">The number of calls that the pool has begun.</param>
    public void Count(uint number)
    {
        if (!IsCounted)
        {
            IsCounted = true;
            Number = number;
            if (Endpoint.Began() >= StallTest.LeastWaiting)
            {
                Cache.NoteMayHaveStall();
            }

            if (Keeper is not null)
            {
                AttemptCache.Leave(this);
            }
        }
    }

    /// <summary>The client's task is not complete: for a ready-made client that means that the request was sent.</summary>
    public void Sent(long now)
    {
        StartedAt = BeganAt is var began && began == 0 ? now : began;
        IsSent |= !Endpoint.IsSdkBacked;
    }

    /// <summary>Begins to count what comes of its stream.</summary>
    public ReceivedBytes CountReceived() => Received = Note(new ReceivedBytes(_time));

    /// <summary>Gives a stream its hold on the attempt, and does not refer to it meanwhile.</summary>
    public StreamLease Lease(AttemptTracker tracker)
    {
        StreamLease lease = _lease ?? new();
        _lease = null;
        lease.Begin(this, tracker);
        return lease;
    }

    /// <summary>The stream has given its hold back, for one of a later attempt.</summary>
    public void Keep(StreamLease lease) => _lease = lease;

    /// <summary>Ties the attempt to its caller's token. Not for a token that cannot be cancelled.</summary>
    public void Follow(CancellationToken caller)
    {
        Caller = Note(caller);
        _callers = caller.UnsafeRegister(static state => ((Attempt)state!)._source.Cancel(), this);
    }

    /// <summary>Starts the clock of one wait: for an answer, or for a stream's next update.</summary>
    /// <param name="now">The timestamp of now.</param>
    /// <param name="limit">The longest time in which nothing comes.</param>
    /// <param name="most">The longest time whatever comes.</param>
    public void Await(long now, TimeSpan limit, TimeSpan? most = null)
    {
        _span = limit == _limit ? _span : limit == Timeout.InfiniteTimeSpan ? long.MaxValue : _time.After(0, limit);
        (_limit, _latest) = (limit, most is { } given ? _time.After(now, Timestamps.Max(given, TimeSpan.FromTicks(1))) : long.MaxValue);
        long deadline = Deadline(now);
        Volatile.Write(ref _deadline, deadline);
        Volatile.Write(ref _agedAt, !IsAnswered && CanRelocate ? Cache.Ages.FirstLookAt(StartedAt) : long.MaxValue);
        long due = Math.Min(deadline, _agedAt);
        // T1 (here): writes the wait, full fence, reads _timerDue. T2 (OnTimer): clears _timerDue, full fence, reads the wait. One of them sees the other's write: T2
        // takes up this wait, or T1 sees no timer due and schedules it.
        Interlocked.Exchange(ref _armed, Note(++_waits));
        if (due < Volatile.Read(ref _timerDue))
        {
            Schedule(due, _time.Until(now, due));
        }
    }

    /// <summary>The wait is over. False if the deadline came first and has cancelled the attempt, or if it was relocated.</summary>
    public bool Arrived()
    {
        long armed = Volatile.Read(ref _armed);
        return armed == Idle || (armed > Idle && Interlocked.CompareExchange(ref _armed, Idle, armed) == armed);
    }

    /// <summary>
    /// Claims the attempt for another endpoint, if it still waits at this one and began before <paramref name="startedBefore"/>. Numbers of waits are never used twice, so
    /// the claim fails if the attempt has ended meanwhile, also if its object already runs the next one.
    /// </summary>
    public bool TryRelocate(Endpoint from, long startedBefore)
    {
        long armed = Volatile.Read(ref _armed);
        return armed > Idle && CanRelocate && Endpoint == from && StartedAt < startedBefore && Interlocked.CompareExchange(ref _armed, Moved, armed) == armed;
    }

    /// <summary>Ends what it runs. Runs the client's own code, so not under a lock.</summary>
    public void Cancel()
    {
        try
        {
            _source.Cancel();
        }
        catch (AggregateException)
        {
            // A callback of the client's that throws is not for the timer's thread, or for the call that happens to move this one.
        }
    }

    /// <summary>Ends the attempt, and resets the object for another one.</summary>
    /// <returns><see langword="false"/> if it was cancelled or may still be, and must not be used again.</returns>
    public bool TryReset()
    {
        bool quiet = (IsPlain || TryForget()) && _source.TryReset();
        Volatile.Write(ref _head.Endpoint, null);
        return quiet;
    }

    /// <summary>
    /// Disposes the timer, but not the token source: another thread may be in the middle of a cancellation, by the caller or by the deadline. Disposed, the source
    /// would throw into the caller's own <c>Cancel</c>, or out of a timer.
    /// </summary>
    public void LetGo()
    {
        _timer?.Dispose();
        IsGone = true;
    }

    /// <returns><see langword="false"/> if its token was cancelled, may still be, or may be in use.</returns>
    private bool TryForget()
    {
        // Not where its caller has cancelled it, or is about to.
        bool quiet = (!Caller.CanBeCanceled || _callers.Unregister()) && Arrived() && !IsTokenKept;
        (_callers, Caller) = (default, default);
        (Interruption, Received, Trace, _request) = (null, null, null, null);
        (Usage, StartedAt, Met, IsHeard) = (default, 0, 0, false);
        _head.Marks = default;
        return quiet;
    }

    /// <summary>Something is noted that a reset must clear.</summary>
    private T Note<T>(T value)
    {
        _head.Marks.HasMore = true;
        return value;
    }

    private long Deadline(long since) => Math.Min(_span < long.MaxValue - since ? since + _span : long.MaxValue, _latest);

    private void Schedule(long deadline, TimeSpan delay)
    {
        Volatile.Write(ref _timerDue, deadline);
        if (_timer is null)
        {
            _timer = _time.CreateDetachedTimer(static state => ((Attempt)state!).OnTimer(), this, delay);
        }
        else
        {
            _timer.Change(delay, Timeout.InfiniteTimeSpan);
        }
    }

    private void OnTimer()
    {
        while (!IsTimerSet())
        {
        }
    }

    /// <returns><see langword="false"/> if another wait began meanwhile, which may be due before: it saw the timer as this one had left it.</returns>
    private bool IsTimerSet()
    {
        Interlocked.Exchange(ref _timerDue, long.MaxValue);
        long armed = Volatile.Read(ref _armed);
        long deadline = Volatile.Read(ref _deadline);
        long now = _time.GetTimestamp();
        if (now >= deadline && Received is { LastAt: > long.MinValue } received)
        {
            deadline = Math.Max(deadline, Deadline(received.LastAt));
        }

        long agedAt = Volatile.Read(ref _agedAt);
        if (armed > Idle && now < deadline && now >= agedAt)
        {
            agedAt = Cache.Ages.Judge(this, ref _agedAt, agedAt, now);
        }

        long due = Math.Min(deadline, agedAt);
        // A wait without an end needs no timer: the next that has one sets it.
        if (armed <= Idle || due == long.MaxValue)
        {
            return true;
        }

        if (now < due)
        {
            Schedule(due, _time.Until(now, due));
            Interlocked.MemoryBarrier();
            return Volatile.Read(ref _armed) == armed;
        }

        if (Interlocked.CompareExchange(ref _armed, Fired, armed) == armed)
        {
            Cancel();
        }

        return true;
    }
}
