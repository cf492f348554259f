using System.Diagnostics.CodeAnalysis;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>
/// A call whose first attempt failed, or found no endpoint without the lock: the attempts that it made, and what it does next.
/// </summary>
/// <remarks>Created only then, so that other calls do not pay for it. Used by one thread at a time.</remarks>
internal sealed class CallRecovery
{
    /// <summary>The second attempt that times out ends the call, if response headers came of any of them.</summary>
    private const int MostTimedOut = 2;

    /// <summary>A request for which this many endpoints stated more than 5 minutes is asked for at healthy ones only that are left.</summary>
    private const int LeastTooLarge = 2;

    private readonly Balancer _balancer;
    private readonly CallLimits _limits;
    private readonly PickRequest _request;
    private CallFailure? _failures;
    private CallDoubts? _doubtful;
    private int _timedOut;
    private int _tooLarge;
    private long? _failedEverywhereAt;
    private bool _hasHeardTimedOut;
    private TimedOut? _lastTimedOut;
    private bool _isRequests;
    private Waiter? _waiter;
    private long _waitBegan;
    private CancellationTokenRegistration _followed;

    /// <param name="balancer">The pool's balancer.</param>
    /// <param name="picker">The endpoints that answer the call's model.</param>
    /// <param name="limits">The limits of the call.</param>
    /// <param name="affinity">The key of its conversation; 0 for a call without affinity.</param>
    /// <param name="tokens">An estimate of what a token limit is charged for it; empty where no endpoint has one.</param>
    public CallRecovery(Balancer balancer, Picker picker, CallLimits limits, uint affinity, TokenEstimate tokens)
    {
        (_balancer, _limits) = (balancer, limits);
        _request = new PickRequest(picker) { Affinity = affinity, Tokens = tokens, Patience = limits.MaxWait, MaxWaiting = limits.MaxWaiting };
    }

    /// <summary>Computes a hash that differs between different requests; set before the call's first failure.</summary>
    public Func<int>? Fingerprint { get; set; }

    /// <summary>It was relocated from a stalled endpoint; a call is relocated once at most.</summary>
    public bool WasRelocated { get; private set; }

    /// <summary>The number of the attempt that runs or comes next, from 1.</summary>
    public int AttemptNumber => (_failures?.Attempts.Count ?? 0) + 1;

    /// <summary>The number of attempts that have ended. Unlike <see cref="AttemptNumber"/> it counts an attempt whose failure ends the call.</summary>
    public int AttemptsMade { get; private set; }

    /// <summary>The sum of its waits and pauses.</summary>
    public TimeSpan Waited { get; private set; }

    // Made when it is needed: most calls that wait have not failed, and thousands may wait.
    private CallFailure Failures => _failures ??= new(_balancer, _request.Picker);

    private CallDoubts Doubts => _doubtful ??= new(_balancer.Tracker, _request.Picker, () => Fingerprint!());

    /// <summary>Takes the failure of an attempt, and throws where it ends the call.</summary>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    /// <exception cref="EndpointsExhaustedException">It was the last of several attempts.</exception>
    public void Take(Attempt attempt, in AttemptOutcome outcome, CancellationToken cancellationToken)
    {
        AttemptsMade++;
        _isRequests = outcome.Kind == OutcomeKind.Request;
        attempt.Trace?.Ended(outcome, endsCall: false);
        if (!outcome.MayFailOver && !MayBeEndpoints(attempt.Endpoint, outcome))
        {
            End(isAnswered: outcome.Kind == OutcomeKind.Request);
            _balancer.Tracker.Abandoned(attempt, answered: outcome.Status > 0);
            CallFailure.Throw(outcome, cancellationToken);
        }

        Endpoint endpoint = attempt.Endpoint;
        int epoch = attempt.Epoch;
        // RFC 9110, 15.5.9: a server that answers 408 has received no complete request.
        bool heard = attempt.HeadStatus is > 0 and not 408 || attempt.IsHeard;
        long now = _balancer.Time.GetTimestamp();
        TimeSpan cost = attempt.Took(now);
        bool leavesDoubt = Doubts.Leaves(attempt, outcome);
        WasRelocated |= outcome.Kind == OutcomeKind.Stalled;
        EndpointAttempt failure = Failures.Add(endpoint, outcome, cost, now);
        _request.Failed(endpoint, rejected: outcome.Kind == OutcomeKind.RateLimited, wouldRepeat: outcome.WouldRepeat);
        Report(attempt, outcome, failure, leavesDoubt);
        if (leavesDoubt)
        {
            Doubts.Add(endpoint, epoch, outcome, cost);
        }

        _tooLarge += outcome.MayExceedLimit ? 1 : 0;
        TakeTimedOut(endpoint, outcome, cost, heard);
        _request.OnlyUntried = Doubts.OnlyUntried || _tooLarge >= LeastTooLarge || _timedOut >= MostTimedOut;
        if (Doubts.Count > 0 && Doubts.IsSettled)
        {
            ThrowDoubtful(allAsked: false);
        }

        if (Failures.Attempts.Count >= _limits.MaxAttempts)
        {
            End();
            Failures.Throw(readyIn: null, Waited);
        }
    }

    /// <summary>
    /// Asks for the endpoint of the next attempt, and begins to wait where there is none yet. Its caller awaits that, hands the result to <see cref="Begun"/>, and asks again where that
    /// has none: a state machine of its own would be one more object for each call that waits.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The pool was disposed before the call made any attempt.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    /// <exception cref="EndpointsExhaustedException">No endpoint will take the call in time.</exception>
    public ValueTask<Attempt?> Next(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (IsOverdue())
        {
            Refuse(PickResult.Refused(Refusal.BeyondPatience));
        }

        PickResult pick = _balancer.Next(_request);
        if (_request.HasFailedEverywhere)
        {
            _failedEverywhereAt ??= _balancer.Time.GetTimestamp();
        }

        switch (pick.Kind)
        {
            case PickKind.Attempt:
                return new(pick.Attempt);
            case PickKind.Pause:
                return PauseAsync(pick.Pause, cancellationToken);
            case PickKind.Queued:
                (_waiter, _waitBegan) = (pick.Waiter!, _balancer.Time.GetTimestamp());
                _followed = Follow(cancellationToken);
                return _waiter.WaitAsync();
            default:
                Refuse(pick);
                return default;
        }
    }

    /// <summary>What <see cref="Next"/> has led to.</summary>
    /// <returns>Null where the call has paused, and asks again.</returns>
    public Attempt? Begun(Attempt? found, CancellationToken cancellationToken)
    {
        if (_waiter is not { } waiter)
        {
            return found;
        }

        CountWait(_waitBegan);
        _followed.Dispose();
        (_waiter, _followed) = (null, default);
        if (HasWaited(waiter.Result, _waitBegan, cancellationToken) is { } attempt)
        {
            return attempt;
        }

        Refuse(_balancer.Dismissed(_request.Picker));
        return null;
    }

    /// <summary>The call is answered.</summary>
    public void Ended() => _doubtful?.Answered();

    /// <summary>The metric's word for a call that ended with an exception.</summary>
    public string FailedAs(CancellationToken cancellationToken) => OutcomeNames.Of(
        cancellationToken.IsCancellationRequested ? OutcomeKind.Caller : _isRequests ? OutcomeKind.Request : OutcomeKind.Failed);

    /// <summary>Where the prompt is too long for the model, only an endpoint with another deployment or of another priority may have a model that takes more.</summary>
    private bool MayBeEndpoints(Endpoint endpoint, in AttemptOutcome outcome) => outcome.MayBeEndpoints && (!outcome.IsTooLong || _request.LeaveAlike(endpoint));

    private async ValueTask<Attempt?> PauseAsync(TimeSpan pause, CancellationToken cancellationToken)
    {
        long began = _balancer.Time.GetTimestamp();
        try
        {
            await Task.Delay(pause, _balancer.Time, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            CountWait(began);
        }

        HasWaited(pause);
        _request.Paused();
        return null;
    }

    /// <summary>Takes the call out of the queue when its caller gives up.</summary>
    private CancellationTokenRegistration Follow(CancellationToken cancellationToken) =>
        !cancellationToken.CanBeCanceled ? default : cancellationToken.UnsafeRegister(static call => ((CallRecovery)call!).GiveUp(), this);

    /// <summary>The wait is over: with the attempt that the call was released to, or because the caller gave up, or because it may not wait any longer.</summary>
    private Attempt? HasWaited(Attempt? released, long began, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            if (released is not null)
            {
                _balancer.Tracker.Abandoned(released, answered: false);
            }

            End();
            cancellationToken.ThrowIfCancellationRequested();
        }

        HasWaited(_balancer.Time.Until(began, _balancer.Time.GetTimestamp()));
        return released;
    }

    private void HasWaited(TimeSpan time)
    {
        Waited += time;
        UpdatePatience();
    }

    /// <summary>
    /// Once the call has failed at every endpoint that it may ask, all time counts against MaxWait, attempts included; before, only the time that it waits.
    /// </summary>
    private void UpdatePatience()
    {
        TimeSpan used = _failedEverywhereAt is { } since ? Timestamps.Max(Waited, _balancer.Time.Until(since, _balancer.Time.GetTimestamp())) : Waited;
        _request.Patience = _limits.MaxWait > used ? _limits.MaxWait - used : TimeSpan.Zero;
    }

    private bool IsOverdue()
    {
        if (_failedEverywhereAt is null)
        {
            return false;
        }

        UpdatePatience();
        return _request.Patience == TimeSpan.Zero;
    }

    private void CountWait(long began)
    {
        if (_balancer.Instruments.WantsWaits)
        {
            _balancer.Instruments.Waited(_balancer.Time.GetElapsedTime(began));
        }
    }

    private void GiveUp()
    {
        if (_waiter is { } waiter && _balancer.Leave(waiter))
        {
            waiter.TryEnd(null);
        }
    }

    private void Refuse(in PickResult pick)
    {
        if (pick.Refusal == Refusal.NoneUntried && Doubts.Count > 0 && _timedOut < MostTimedOut)
        {
            ThrowDoubtful(allAsked: true);
        }

        End();
        if (pick.Refusal == Refusal.NoneUntried && _lastTimedOut is { } last)
        {
            Failures.ThrowTimedOut(last.Outcome, last.Endpoint, last.Cost, Waited, "No healthy endpoint is left that it has not asked");
        }

        if (pick.Refusal == Refusal.NoneUntried)
        {
            Failures.ThrowTooLarge(Waited);
        }

        Failures.Throw(pick, Waited);
    }

    /// <summary>A refusal of the request, or a connection that our own side let go of, is no failure of the endpoint.</summary>
    private void Report(Attempt attempt, in AttemptOutcome outcome, EndpointAttempt failure, bool leavesDoubt)
    {
        if (outcome.Kind == OutcomeKind.Request || outcome.IsNobodys)
        {
            _balancer.Tracker.Abandoned(attempt, answered: outcome.Status > 0);
        }
        else
        {
            // A call that was relocated says nothing that the detector did not know, unless it was a probe.
            bool eject = !leavesDoubt && (outcome.Kind != OutcomeKind.Stalled || attempt.HoldsPermit);
            _balancer.Tracker.Failed(attempt, outcome, failure, outcome.MayExceedLimit ? Fingerprint!() : 0, eject);
        }
    }

    /// <summary>No other endpoint is left that could show whose fault it was. Where all said the same, that is the answer; else all failures are told.</summary>
    [DoesNotReturn]
    private void ThrowDoubtful(bool allAsked)
    {
        bool alike = Doubts.AreAlike && Doubts.Count == Failures.Attempts.Count;
        (AttemptOutcome first, AttemptOutcome last) = Doubts.Outcomes;
        End(allAsked: allAsked);
        if (first.Kind == OutcomeKind.BrokenAnswer || (alike && !first.IsUnknown))
        {
            CallFailure.Throw(first.Kind == OutcomeKind.BrokenAnswer ? last : first, CancellationToken.None);
        }

        Failures.Throw(readyIn: null, Waited);
    }

    /// <summary>The call is over without an answer. A refusal of the request itself shows that its endpoint is well, and the others not.</summary>
    private void End(bool isAnswered = false, bool allAsked = true)
    {
        if (isAnswered)
        {
            _doubtful?.Answered();
        }
        else
        {
            _doubtful?.Unanswered(others: Failures.Attempts.Count - Doubts.Count, allAsked);
        }
    }

    /// <summary>
    /// Each attempt that timed out may have been executed, so a call makes two of them. Where nothing has come of any, their connections may have died in silence, which
    /// says nothing of the request: the call goes on as long as a healthy endpoint is left that it has not tried. A 408 of an only endpoint, which has received no complete
    /// request, is retried as the SDK's own retries do.
    /// </summary>
    private void TakeTimedOut(Endpoint endpoint, in AttemptOutcome outcome, TimeSpan cost, bool heard)
    {
        if (outcome.Kind != OutcomeKind.TimedOut || (outcome.Status == 408 && _request.Picker.Endpoints.Length == 1))
        {
            _lastTimedOut = null;
            return;
        }

        _lastTimedOut = new(outcome, endpoint.Name, cost);
        _hasHeardTimedOut |= heard;
        if (++_timedOut >= MostTimedOut && (_hasHeardTimedOut || Failures.Attempts.Count >= _limits.MaxAttempts))
        {
            End();
            Failures.ThrowTimedOut(outcome, endpoint.Name, cost, Waited, "A call makes no more of them, since each may have been executed");
        }
    }

    private sealed record TimedOut(AttemptOutcome Outcome, string Endpoint, TimeSpan Cost);
}
