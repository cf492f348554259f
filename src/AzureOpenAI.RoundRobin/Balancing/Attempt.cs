using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Telemetry;
using AzureOpenAI.RoundRobin.Transport;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// One attempt at one endpoint: its token, its deadline, and what is known of how far it got. Reused for later attempts once it has ended.
/// </summary>
/// <remarks>
/// The token that the client sees is this object's own, so the deadline can end it, and the caller's. The timer is armed lazily and
/// outlives single attempts, which makes the deadline free for all that end in time; <c>_armed</c> names the wait that a late callback
/// belongs to, so that it can never cancel the attempt that reuses the object.
/// </remarks>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "The cache that keeps attempts lets go of them; nobody else owns one.")]
internal sealed class Attempt(AttemptCache cache, TimeProvider time) : IRequestScope, IStatusListener, ICallOwner
{
    private const long Idle = 0;
    private const long Fired = -1;
    private const long Moved = -2;

    private readonly TimeProvider _time = time;
    private readonly CancellationTokenSource _source = new();
    private ITimer? _timer;
    private long _timerDue = long.MaxValue;
    private long _deadline;
    private long _armed;
    private long _waits;
    private CancellationTokenRegistration _callers;
    private Endpoint? _endpoint;
    private PendingUpdate? _move;
    private Marks _marks;
    private TokenCounts _usage;

    /// <summary>Where it goes back to.</summary>
    public AttemptCache Cache { get; } = cache;

    /// <summary>Nothing is known of it but where it runs, so there is nothing to account for and nothing to forget. One look, for a call that is answered at once.</summary>
    public bool IsPlain => _marks.All == 0;

    /// <summary>Set for as long as the attempt runs.</summary>
    public Endpoint Endpoint => Volatile.Read(ref _endpoint)!;

    /// <summary>Nobody uses it. Another thread that asks may be told what was true a moment ago.</summary>
    public bool IsIdle => Volatile.Read(ref _endpoint) is null;

    /// <summary>It was let go of, and runs never again.</summary>
    public bool IsGone { get => Volatile.Read(ref field); private set => Volatile.Write(ref field, value); }

    /// <summary>The thread that keeps it while it runs and when it is idle; null if it is kept by none, or has left it.</summary>
    public Thread? Keeper { get; set; }

    /// <summary>Its token may be in use after its end, so it must not become another attempt's.</summary>
    public bool IsTokenKept { get; set => field = Note(value); }

    /// <summary>The caller's token, if it can be cancelled.</summary>
    public CancellationToken Caller { get; private set; }

    /// <summary>The pool's epoch when this was picked.</summary>
    public int Epoch { get; private set; }

    /// <summary>How many calls the pool had begun when this was counted among those in flight; wraps.</summary>
    public uint Number { get; private set; }

    /// <summary>It has been answered; a stream, when its first content has come.</summary>
    public bool IsAnswered { get => _marks.IsAnswered; set => _marks.IsAnswered = value; }

    /// <summary>Whoever sees it sees <see cref="Number"/> too, which is written before.</summary>
    public long StartedAt { get => Volatile.Read(ref field); set => Volatile.Write(ref field, Note(value)); }

    /// <summary>How long it has taken; nothing for one that ended as it began, which never looked at the clock.</summary>
    public TimeSpan Took(long now) => StartedAt == 0 ? TimeSpan.Zero : _time.Until(StartedAt, now);

    /// <summary>What it holds where its deployment or its resource was not healthy when it was picked.</summary>
    public Permit Permit
    {
        get => new(_marks.HoldsDeploymentPermit, _marks.HoldsResourcePermit);
        set => (_marks.HoldsDeploymentPermit, _marks.HoldsResourcePermit) = (value.OfDeployment, value.OfResource);
    }

    public bool IsAdmitted { get => _marks.IsAdmitted; set => _marks.IsAdmitted = value; }

    /// <summary>It is one of its endpoint's <see cref="Endpoint.InFlight"/>.</summary>
    public bool IsCounted { get => _marks.IsCounted; private set => _marks.IsCounted = value; }

    /// <summary>The request reached the transport.</summary>
    public bool IsSent { get => _marks.IsSent; set => _marks.IsSent = value; }

    /// <summary>Something of an answer has come: its head, or an update of its stream. Not among the marks: an attempt that hears anything has one of those too.</summary>
    public bool IsHeard { get => Volatile.Read(ref field); set => Volatile.Write(ref field, value); }

    /// <summary>It may still be ended and made elsewhere: no content has reached the caller, and it has not been moved before.</summary>
    public bool CanRelocate { get => _marks.IsMovable; set => _marks.IsMovable = value; }

    /// <summary>What the answer cost, as far as it is known.</summary>
    public TokenCounts Usage { get => _usage; set => _usage = Note(value); }

    public bool HasUsage => !_usage.IsEmpty;

    /// <summary>How many bytes of a stream have come so far; null where nobody counts. A box, since an older request may still count in its own.</summary>
    public StrongBox<long>? Received { get; private set; }

    /// <summary>Null while nobody listens.</summary>
    public AttemptTrace? Trace { get; set => field = Note(value); }

    IAnswerListener IRequestScope.AnswerListener => Endpoint.Hints;

    IStatusListener IRequestScope.StatusListener => this;

    /// <summary>What ended it after its content had reached the caller.</summary>
    public StrongBox<AttemptOutcome>? Interruption { get; set => field = Note(value); }

    /// <summary>Of a stream: the wait for its next update.</summary>
    public PendingUpdate PendingUpdate => Note(_move ??= new());

    public CancellationToken Token => _source.Token;

    public bool TimedOut => Volatile.Read(ref _armed) == Fired;

    public bool IsRelocated => Volatile.Read(ref _armed) == Moved;

    public bool HoldsPermit => _marks.HoldsDeploymentPermit || _marks.HoldsResourcePermit;

    public void Begin(Endpoint endpoint, int epoch)
    {
        Epoch = epoch;
        Volatile.Write(ref _endpoint, endpoint);
    }

    void IRequestScope.Sends() => IsSent = true;

    void IStatusListener.Answered(int status)
    {
        IsHeard = true;
        Trace?.Answered(status);
    }

    /// <summary>Counts it among the calls in flight, once, and before anything of it is awaited. An attempt whose answer is there at once is never counted.</summary>
    /// <param name="number">How many calls the pool has begun.</param>
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

    /// <summary>The client has not answered at once, so something is under way.</summary>
    public void Sent(long now)
    {
        StartedAt = StartedAt == 0 ? now : StartedAt;
        IsSent |= !Endpoint.IsSdkBacked;
    }

    /// <summary>Begins to count what comes of its stream.</summary>
    public StrongBox<long> CountReceived() => Received = Note(new StrongBox<long>());

    /// <summary>Ties the attempt to its caller's token. Not for a token that cannot be cancelled.</summary>
    public void Follow(CancellationToken caller)
    {
        Caller = Note(caller);
        _callers = caller.UnsafeRegister(static state => ((Attempt)state!)._source.Cancel(), this);
    }

    /// <summary>Starts the clock of one wait: for an answer, or for a stream's next update.</summary>
    public void Await(long now, TimeSpan limit)
    {
        long deadline = limit == Timeout.InfiniteTimeSpan ? long.MaxValue : _time.After(now, limit);
        Volatile.Write(ref _deadline, deadline);
        // A full fence on both sides: either the callback sees this wait, or this sees that the callback has run. See OnTimer.
        Interlocked.Exchange(ref _armed, Note(++_waits));
        if (deadline < Volatile.Read(ref _timerDue))
        {
            Schedule(deadline, limit);
        }
    }

    /// <summary>The wait is over. Returns false if the deadline was first, and has cancelled the attempt.</summary>
    public bool Arrived()
    {
        long armed = Volatile.Read(ref _armed);
        return armed == Idle || (armed > Idle && Interlocked.CompareExchange(ref _armed, Idle, armed) == armed);
    }

    /// <summary>
    /// Claims the attempt for another endpoint, if it still waits at this one and has done so since before <paramref name="startedBefore"/>. The wait it is
    /// claimed in is named by a number that never returns, so an attempt that ended meanwhile, and its object's next one, are safe.
    /// </summary>
    public bool TryRelocate(Endpoint from, long startedBefore)
    {
        long armed = Volatile.Read(ref _armed);
        return armed > Idle && CanRelocate && Endpoint == from && StartedAt < startedBefore && Interlocked.CompareExchange(ref _armed, Moved, armed) == armed;
    }

    /// <summary>Ends an attempt that was claimed. Runs the client's own code, so not under a lock.</summary>
    public void CancelRelocated() => Cancel();

    /// <summary>Ends it, and makes the object fit for another attempt.</summary>
    /// <returns><see langword="false"/> if it was cancelled or may still be, and must not be used again.</returns>
    public bool TryReset()
    {
        bool quiet = (IsPlain || TryForget()) && _source.TryReset();
        Volatile.Write(ref _endpoint, null);
        return quiet;
    }

    /// <summary>
    /// Frees the timer. The token source is left to the collector: a cancellation, by the caller or by the deadline, may be under way on
    /// another thread, and would throw into the caller's own <c>Cancel</c> or out of a timer if the source were disposed.
    /// </summary>
    public void LetGo()
    {
        _timer?.Dispose();
        IsGone = true;
    }

    /// <returns><see langword="false"/> if its token was cancelled, may still be, or may be in use.</returns>
    private bool TryForget()
    {
        bool unfollowed = !Caller.CanBeCanceled || Unfollow();
        bool quiet = unfollowed && Arrived() && !IsTokenKept;
        if (_move is { IsAwaited: true })
        {
            _move = null;
        }

        Interruption = null;
        Usage = default;
        Received = null;
        Trace = null;
        IsHeard = false;
        StartedAt = 0;
        _marks = default;
        return quiet;
    }

    /// <summary>Something is known of the attempt, and has to be forgotten.</summary>
    private T Note<T>(T value)
    {
        _marks.HasMore = true;
        return value;
    }

    /// <returns><see langword="false"/> if the caller has cancelled it, or is about to.</returns>
    private bool Unfollow()
    {
        bool unfollowed = _callers.Unregister();
        (_callers, Caller) = (default, default);
        return unfollowed;
    }

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
        Interlocked.Exchange(ref _timerDue, long.MaxValue);
        long armed = Volatile.Read(ref _armed);
        long deadline = Volatile.Read(ref _deadline);
        // A wait without an end needs no timer: the next that has one sets it.
        if (armed <= Idle || deadline == long.MaxValue)
        {
            return;
        }

        long now = _time.GetTimestamp();
        if (now < deadline)
        {
            Schedule(deadline, _time.Until(now, deadline));
        }
        else if (Interlocked.CompareExchange(ref _armed, Fired, armed) == armed)
        {
            Cancel();
        }
    }

    private void Cancel()
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

    /// <summary>Side by side, so that one look tells that there are none. Not bits of one number, since other threads may set one of them meanwhile.</summary>
    [StructLayout(LayoutKind.Explicit)]
    private struct Marks
    {
        [FieldOffset(0)]
        public long All;

        [FieldOffset(0)]
        public bool IsAnswered;

        [FieldOffset(1)]
        public bool HoldsDeploymentPermit;

        [FieldOffset(2)]
        public bool HoldsResourcePermit;

        [FieldOffset(3)]
        public bool IsAdmitted;

        [FieldOffset(4)]
        public bool IsCounted;

        [FieldOffset(5)]
        public bool IsSent;

        [FieldOffset(6)]
        public bool IsMovable;

        /// <summary>Something is noted that is no mark.</summary>
        [FieldOffset(7)]
        public bool HasMore;
    }
}
