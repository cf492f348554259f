using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>
/// A call that did not succeed at its first attempt, or found no endpoint for it: what it has tried, and what it does next.
/// </summary>
/// <remarks>Made when the first trouble comes, so that a call without trouble does not pay for it. Used by one thread at a time.</remarks>
internal sealed class CallRecovery
{
    /// <summary>Of each kind of failure that may be the request's own fault: the first moves on, the second ends the call.</summary>
    private const int TriesWhenInDoubt = 2;

    private readonly Balancer _balancer;
    private readonly CallLimits _limits;
    private readonly Func<int> _fingerprint;
    private readonly PickRequest _request;
    private readonly CallFailure _failure;
    private (Endpoint Endpoint, int Epoch, AttemptOutcome Outcome, TimeSpan Cost, bool Doubtful)? _broken;
    private int _timedOut;
    private bool _isHeardTimedOut;
    private (AttemptOutcome Outcome, string Endpoint, TimeSpan Cost)? _lastTimedOut;
    private int _suspect;
    private bool _isRequests;

    /// <param name="balancer">Whom to ask for endpoints.</param>
    /// <param name="picker">The endpoints that answer the call's model.</param>
    /// <param name="limits">How far the call may go.</param>
    /// <param name="affinity">What keeps it with the other calls of its conversation; 0 for one that takes its turn.</param>
    /// <param name="tokens">About what a token limit is charged for it; nothing where there is none.</param>
    /// <param name="fingerprint">Tells the request from a different one.</param>
    public CallRecovery(Balancer balancer, Picker picker, CallLimits limits, uint affinity, TokenEstimate tokens, Func<int> fingerprint)
    {
        (_balancer, _limits, _fingerprint) = (balancer, limits, fingerprint);
        _request = new PickRequest(picker) { Affinity = affinity, Tokens = tokens, Patience = limits.MaxWait };
        _failure = new CallFailure(balancer, picker);
    }

    /// <summary>It was relocated from a stalled endpoint; that happens to a call once.</summary>
    public bool WasRelocated { get; private set; }

    /// <summary>The number of the attempt that runs or comes next, from 1.</summary>
    public int AttemptNumber => _failure.Attempts.Count + 1;

    /// <summary>How many attempts are over. Unlike <see cref="AttemptNumber"/> it counts an attempt whose failure ends the call.</summary>
    public int AttemptsMade { get; private set; }

    /// <summary>How long it has waited in all.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>Takes the failure of an attempt, and throws where it ends the call.</summary>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    /// <exception cref="EndpointsExhaustedException">It was the last of several attempts.</exception>
    public void Take(Attempt attempt, in AttemptOutcome outcome, CancellationToken cancellationToken)
    {
        AttemptsMade++;
        _isRequests = outcome.Kind == OutcomeKind.Request;
        attempt.Trace?.Ended(outcome, endsCall: false);
        if (!outcome.MayFailOver)
        {
            ForgetBroken(eject: outcome.Kind == OutcomeKind.Request);
            _balancer.Tracker.Abandoned(attempt, answered: outcome.Status > 0);
            CallFailure.Throw(outcome, cancellationToken);
        }

        Endpoint endpoint = attempt.Endpoint;
        int epoch = attempt.Epoch;
        bool heard = outcome.Status > 0 || attempt.IsHeard;
        long now = _balancer.Time.GetTimestamp();
        TimeSpan cost = attempt.Took(now);
        bool broken = outcome.Kind == OutcomeKind.BrokenAnswer;
        // Whether a broken answer is the endpoint's fault or the request's, another endpoint will show. An endpoint that is being probed gets no such doubt.
        bool doubtful = broken && !attempt.HoldsPermit;
        WasRelocated |= outcome.Kind == OutcomeKind.Stalled;
        EndpointAttempt failure = _failure.Add(endpoint, outcome, cost, now);
        _request.Failed(endpoint, rejected: outcome.Kind == OutcomeKind.RateLimited, tooLarge: outcome.MayExceedLimit);
        _balancer.Tracker.Failed(attempt, outcome, failure, outcome.MayExceedLimit ? _fingerprint() : 0, eject: !doubtful);
        if (broken)
        {
            TakeBroken(endpoint, epoch, outcome, cost, doubtful);
        }

        TakeTimedOut(endpoint, outcome, cost, heard);
        if (outcome.MayExceedLimit && ++_suspect == TriesWhenInDoubt)
        {
            ForgetBroken(eject: true);
            _failure.ThrowTooLarge(Waited);
        }

        if (_failure.Attempts.Count >= _limits.MaxAttempts)
        {
            ForgetBroken(eject: true);
            _failure.Throw(readyIn: null, Waited);
        }
    }

    /// <summary>Finds the endpoint for the next attempt; waits for one if it must.</summary>
    /// <exception cref="ObjectDisposedException">The pool was disposed before the call made any attempt.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    /// <exception cref="EndpointsExhaustedException">No endpoint will take the call in time.</exception>
    public async ValueTask<Attempt> NextAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            PickResult pick = _balancer.Next(_request);
            switch (pick.Kind)
            {
                case PickKind.Attempt:
                    return pick.Attempt!;
                case PickKind.Pause:
                    await PauseAsync(pick.Pause, cancellationToken).ConfigureAwait(false);
                    break;
                case PickKind.Queued:
                    if (await WaitAsync(pick.Waiter!, cancellationToken).ConfigureAwait(false) is { } attempt)
                    {
                        return attempt;
                    }

                    Refuse(_balancer.Dismissed(_request.Picker));
                    break;
                default:
                    Refuse(pick);
                    break;
            }
        }
    }

    /// <summary>The call is over, well or with an exception that is not ours: a broken answer before it was the endpoint's own fault.</summary>
    public void Ended() => ForgetBroken(eject: true);

    /// <summary>The metric's word for its end where it has ended with an exception.</summary>
    public string FailedAs(CancellationToken cancellationToken) => OutcomeNames.Of(
        cancellationToken.IsCancellationRequested ? OutcomeKind.Caller : _isRequests ? OutcomeKind.Request : OutcomeKind.Failed);

    private async ValueTask PauseAsync(TimeSpan pause, CancellationToken cancellationToken)
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
    }

    private async ValueTask<Attempt?> WaitAsync(Waiter waiter, CancellationToken cancellationToken)
    {
        long began = _balancer.Time.GetTimestamp();
        Attempt? released;
        try
        {
            released = await WaitInQueueAsync(waiter, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            CountWait(began);
        }

        HasWaited(_balancer.Time.Until(began, _balancer.Time.GetTimestamp()));
        return released;
    }

    private async ValueTask<Attempt?> WaitInQueueAsync(Waiter waiter, CancellationToken cancellationToken)
    {
        ITimer patience = _balancer.Time.CreateDetachedTimer(
            static state => { var (call, waiting) = ((CallRecovery, Waiter))state!; call._balancer.RunOut(waiting); }, (this, waiter), _request.Patience);
        await using (patience.ConfigureAwait(false))
        {
            using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
                static state => { var (call, waiting) = ((CallRecovery, Waiter))state!; call.GiveUp(waiting); }, (this, waiter));
            Attempt? released = await waiter.InOrder().ConfigureAwait(false);
            if (cancellationToken.IsCancellationRequested)
            {
                if (released is not null)
                {
                    _balancer.Tracker.Abandoned(released, answered: false);
                }

                ForgetBroken(eject: true);
                cancellationToken.ThrowIfCancellationRequested();
            }

            return released;
        }
    }

    private void HasWaited(TimeSpan time)
    {
        Waited += time;
        _request.Patience = _limits.MaxWait > Waited ? _limits.MaxWait - Waited : TimeSpan.Zero;
    }

    private void CountWait(long began)
    {
        if (_balancer.Instruments.WantsWaits)
        {
            _balancer.Instruments.Waited(_balancer.Time.GetElapsedTime(began));
        }
    }

    private void GiveUp(Waiter waiter)
    {
        if (_balancer.Leave(waiter))
        {
            waiter.TrySetResult(null);
        }
    }

    private void Refuse(in PickResult pick)
    {
        ForgetBroken(eject: true);
        if (pick.Refusal == Refusal.AllTried && _lastTimedOut is { } last)
        {
            _failure.ThrowTimedOut(last.Outcome, last.Endpoint, last.Cost, Waited, "No healthy endpoint is left that it has not asked");
        }

        _failure.Throw(pick, Waited);
    }

    /// <summary>
    /// Each attempt that ran out of time may have been executed, so that a call makes two of them. Where nothing has come of any, their connections may have died
    /// in silence, which says nothing of the request: the call goes on as long as a healthy endpoint is left that it has not tried.
    /// </summary>
    private void TakeTimedOut(Endpoint endpoint, in AttemptOutcome outcome, TimeSpan cost, bool heard)
    {
        if (outcome.Kind != OutcomeKind.TimedOut)
        {
            _lastTimedOut = null;
            return;
        }

        _lastTimedOut = (outcome, endpoint.Name, cost);
        _isHeardTimedOut |= heard;
        if (++_timedOut < TriesWhenInDoubt)
        {
            return;
        }

        if (_isHeardTimedOut || _failure.Attempts.Count >= _limits.MaxAttempts)
        {
            ForgetBroken(eject: true);
            _failure.ThrowTimedOut(outcome, endpoint.Name, cost, Waited, "A call makes no more of them, since each may have been executed");
        }

        _request.GoesOnlyToUntried = true;
    }

    private void TakeBroken(Endpoint endpoint, int epoch, in AttemptOutcome outcome, TimeSpan cost, bool doubtful)
    {
        if (_broken is not { } first)
        {
            _broken = (endpoint, epoch, outcome, cost, doubtful);
            return;
        }

        bool alike = first.Endpoint != endpoint && first.Outcome.Exception.GetType() == outcome.Exception.GetType();
        ForgetBroken(eject: !alike);
        if (!alike && doubtful)
        {
            _balancer.Tracker.Eject(endpoint, epoch, outcome, cost);
        }

        CallFailure.Throw(outcome, CancellationToken.None);
    }

    private void ForgetBroken(bool eject)
    {
        if (_broken is { Doubtful: true } broken && eject)
        {
            _balancer.Tracker.Eject(broken.Endpoint, broken.Epoch, broken.Outcome, broken.Cost);
        }

        _broken = null;
    }
}
