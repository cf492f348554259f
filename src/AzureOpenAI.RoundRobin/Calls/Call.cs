using System.Globalization;
using System.Runtime.ExceptionServices;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>
/// One call that did not succeed at the first attempt, or found no endpoint for it: what it has tried, and what it does next.
/// </summary>
/// <remarks>Made when the first trouble comes, so that a call without trouble does not pay for it. Used by one thread at a time.</remarks>
internal sealed partial class Call(Dispatcher dispatcher, EndpointGroup group, CallLimits limits, Func<int> fingerprint)
{
    /// <summary>Of each kind that may be the request's own fault: the first moves on, the second ends the call.</summary>
    private const int TriesWhenInDoubt = 2;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);

    private readonly Dispatcher _dispatcher = dispatcher;
    private readonly CallLimits _limits = limits;
    private readonly Func<int> _fingerprint = fingerprint;
    private readonly List<EndpointAttempt> _failures = [];
    private readonly HashSet<Endpoint> _tried = [];
    private (Endpoint Endpoint, int Generation, AttemptOutcome Outcome, TimeSpan Cost, bool Doubtful)? _broken;
    private AttemptOutcome _standsFor;
    private long _standsForReadyAt = long.MaxValue;
    private int _slow;
    private int _suspect;
    private int _pauses;
    private bool _isRequests;

    public EndpointGroup Group { get; } = group;

    /// <summary>What keeps it with the other calls of its conversation; 0 for one that takes its turn.</summary>
    public uint Affinity { get; init; }

    /// <summary>About what a token limit is charged for it; nothing where there is none.</summary>
    public TokenEstimate Tokens { get; init; }

    /// <summary>It goes wherever else it may, whatever it costs: no token limit will have room for it in time.</summary>
    public bool IgnoresTokenLimits { get; set; }

    /// <summary>Its place among all that ever waited; long.MaxValue for one that never did.</summary>
    public long Ticket { get; set; } = long.MaxValue;

    /// <summary>It was let go from the line to an endpoint that is known to take calls.</summary>
    public bool MadePace { get; set; }

    /// <summary>Where it was rejected last.</summary>
    public Endpoint? RejectedBy { get; private set; }

    public bool MayAskMisconfigured { get; set; }

    /// <summary>It was taken away from a silent endpoint; that happens to a call once.</summary>
    public bool WasMoved { get; private set; }

    public bool HasTriedAny => _failures.Count > 0;

    /// <summary>The number of the attempt that runs or comes next, from 1.</summary>
    public int AttemptNumber => _failures.Count + 1;

    /// <summary>How many attempts are over; other than the number of the last one, it counts those that nobody may follow.</summary>
    public int AttemptsMade { get; private set; }

    /// <summary>How long it has waited in all.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>How long it may still wait.</summary>
    public TimeSpan Patience => _limits.MaxWait > Waited ? _limits.MaxWait - Waited : TimeSpan.Zero;

    /// <summary>It asked to wait for hours, and would say the same again: this call does not go back to it.</summary>
    public Endpoint? TooLargeFor { get; private set; }

    public bool HasTried(Endpoint endpoint) => _tried.Contains(endpoint);

    /// <summary>Half a second, one, two, and then four each time.</summary>
    public TimeSpan NextPause() => FirstPause * (1 << Math.Min(_pauses, 3));

    /// <summary>Takes the failure of an attempt, and throws where it ends the call.</summary>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    /// <exception cref="EndpointsExhaustedException">It was the last of several attempts.</exception>
    public void Take(Attempt attempt, in AttemptOutcome outcome, CancellationToken cancellationToken)
    {
        Endpoint endpoint = attempt.Endpoint;
        AttemptsMade++;
        _isRequests = outcome.Kind == OutcomeKind.Request;
        attempt.Trace?.Take(outcome, endsCall: false);
        if (!outcome.MayFailOver)
        {
            ForgetBroken(outcome.Kind == OutcomeKind.Request);
            _dispatcher.Abandoned(attempt, answered: outcome.Status > 0);
            ExceptionDispatchInfo.Throw(outcome.Kind == OutcomeKind.Caller ? Cancelled(outcome.Exception, cancellationToken) : outcome.Exception);
        }

        int generation = attempt.Generation;
        long now = _dispatcher.Time.GetTimestamp();
        TimeSpan cost = attempt.Took(now);
        EndpointAttempt failure = Describe(endpoint, outcome, cost);
        bool broken = outcome.Kind == OutcomeKind.Broken;
        // Whether a broken answer is the endpoint's fault or the request's, another endpoint will tell. One that is on probation gets no such doubt.
        bool doubtful = broken && !attempt.HoldsPermit;
        WasMoved |= outcome.Kind == OutcomeKind.Silent;
        RejectedBy = outcome.Kind == OutcomeKind.RateLimited ? endpoint : RejectedBy;
        _failures.Add(failure);
        _tried.Add(endpoint);
        StandFor(outcome, now);
        _dispatcher.Failed(attempt, outcome, failure, outcome.IsSuspectRequest ? _fingerprint() : 0, blame: !doubtful);
        if (broken)
        {
            TakeBroken(endpoint, generation, outcome, cost, doubtful);
        }

        if (outcome.Kind == OutcomeKind.Slow && ++_slow == TriesWhenInDoubt)
        {
            ForgetBroken(blame: true);
            throw outcome.Status > 0 ? Exhausted(null) : new TimeoutException(
                string.Create(CultureInfo.InvariantCulture, $"Two attempts ran out of time, the last after {cost.TotalSeconds:0.#} s at endpoint '{endpoint.Name}'. A call makes no more of them, since each may have been executed; raise AttemptTimeout if answers take that long."),
                outcome.Exception);
        }

        TooLargeFor = outcome.IsSuspectRequest ? endpoint : TooLargeFor;
        if (outcome.IsSuspectRequest && ++_suspect == TriesWhenInDoubt)
        {
            ForgetBroken(blame: true);
            throw Exhausted(null, "The call was asked twice to wait for hours, which is what endpoints answer to a request that alone exceeds the whole limit of the deployment: make it smaller, or raise the deployment's tokens per minute. ");
        }

        if (_failures.Count >= _limits.MaxAttempts)
        {
            Surface(null);
        }
    }

    /// <summary>Finds the endpoint for the next attempt; waits for one if it must.</summary>
    /// <exception cref="ObjectDisposedException">The pool was disposed before the call made any attempt.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    /// <exception cref="EndpointsExhaustedException">No endpoint will be fit in time.</exception>
    public async ValueTask<Attempt> NextAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Pick pick = _dispatcher.Next(this);
            if (pick.Attempt is { } attempt)
            {
                return attempt;
            }

            if (pick.Refusal != Refusal.None)
            {
                Refuse(pick);
            }

            long began = _dispatcher.Time.GetTimestamp();
            if (pick.Pause is { } pause)
            {
                try
                {
                    await Task.Delay(pause, _dispatcher.Time, cancellationToken).ConfigureAwait(false);
                }
                finally
                {
                    TellWait(began);
                }

                _pauses++;
                Waited += pause;
                _tried.RemoveWhere(endpoint => endpoint != TooLargeFor);
                continue;
            }

            Attempt? released;
            try
            {
                released = await WaitAsync(pick.Waiter!, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                TellWait(began);
            }

            Waited += _dispatcher.Time.Until(began, _dispatcher.Time.GetTimestamp());
            if (released is not null)
            {
                return released;
            }

            Refuse(_dispatcher.Dismissed(Group));
        }
    }

    /// <summary>The call is over, well or with an exception that is not ours: a broken answer before it was the endpoint's own fault.</summary>
    public void Ended() => ForgetBroken(blame: true);

    /// <summary>What its end is called where it has ended with an exception.</summary>
    public string FailedAs(CancellationToken cancellationToken) => OutcomeNames.Of(
        cancellationToken.IsCancellationRequested ? OutcomeKind.Caller : _isRequests ? OutcomeKind.Request : OutcomeKind.Fault);

    private void TellWait(long began)
    {
        if (_dispatcher.Instruments.WantsWaits)
        {
            _dispatcher.Instruments.Waited(_dispatcher.Time.GetElapsedTime(began));
        }
    }

    private async ValueTask<Attempt?> WaitAsync(Waiter waiter, CancellationToken cancellationToken)
    {
        ITimer patience = _dispatcher.Time.CreateTimer(
            static state => { var (call, waiting) = ((Call, Waiter))state!; call._dispatcher.RunOut(call.Group, waiting); },
            (this, waiter), Patience, Timeout.InfiniteTimeSpan);
        await using (patience.ConfigureAwait(false))
        {
            using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
                static state => { var (call, waiting) = ((Call, Waiter))state!; call.GiveUp(waiting); }, (this, waiter));
            Attempt? released = await waiter.InOrder().ConfigureAwait(false);
            if (cancellationToken.IsCancellationRequested)
            {
                if (released is not null)
                {
                    _dispatcher.Abandoned(released, answered: false);
                }

                ForgetBroken(blame: true);
                cancellationToken.ThrowIfCancellationRequested();
            }

            return released;
        }
    }

    private void GiveUp(Waiter waiter)
    {
        if (_dispatcher.Leave(Group, waiter))
        {
            waiter.TrySetResult(null);
        }
    }

    private void TakeBroken(Endpoint endpoint, int generation, in AttemptOutcome outcome, TimeSpan cost, bool doubtful)
    {
        if (_broken is not { } first)
        {
            _broken = (endpoint, generation, outcome, cost, doubtful);
            return;
        }

        bool alike = first.Endpoint != endpoint && first.Outcome.Exception.GetType() == outcome.Exception.GetType();
        ForgetBroken(blame: !alike);
        if (!alike && doubtful)
        {
            _dispatcher.Blame(endpoint, generation, outcome, cost);
        }

        ExceptionDispatchInfo.Throw(outcome.Exception);
    }

    private void ForgetBroken(bool blame)
    {
        if (_broken is { Doubtful: true } broken && blame)
        {
            _dispatcher.Blame(broken.Endpoint, broken.Generation, broken.Outcome, broken.Cost);
        }

        _broken = null;
    }
}
