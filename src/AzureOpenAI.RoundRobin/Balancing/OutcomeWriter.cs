using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Balancing.Sharing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>Writes the outcomes of attempts into their endpoints: permits, recovery, and what <see cref="EjectionPolicy"/> decides on a failure.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class OutcomeWriter(PoolState state, TimeProvider time, InFlight inFlight, PermitHolders permits, PoolLog log, SharedFacts? facts = null)
{
    /// <summary>Requests that may exceed an endpoint's limit are logged once in this time.</summary>
    private static readonly TimeSpan SuspectNoteSpacing = TimeSpan.FromMinutes(1);

    /// <summary>A shorter pause leaves the rotation as it is.</summary>
    private static readonly TimeSpan ShortestEjection = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>Counts a call with a permit as admitted, unless the endpoint must complete an answer first.</summary>
    public void Admit(Attempt attempt, long now, bool completed)
    {
        state.AssertLocked();
        EndpointHealth health = attempt.Endpoint.Health;
        if (!attempt.HoldsPermit || attempt.IsAdmitted || (!completed && health.NeedsCompletion))
        {
            return;
        }

        attempt.IsAdmitted = true;
        permits.Remove(attempt);
        state.Changed(attempt.Endpoint);
        bool isProbe = health.Deployment.State == EndpointState.Probing;
        health.AdmitAtDeployment(attempt.Permit, attempt.Epoch, now);
        TellRecovered(attempt.Endpoint, health.Deployment, isProbe, now);
        AdmitAtResource(attempt, now);
    }

    /// <summary>The resource answers, whatever its deployment answers.</summary>
    public void AdmitAtResource(Attempt attempt, long now)
    {
        state.AssertLocked();
        Permit permit = attempt.Permit;
        HealthState resource = attempt.Endpoint.Health.Resource;
        bool isProbe = resource.State == EndpointState.Probing;
        if (attempt.Endpoint.Health.AdmitAtResource(permit, attempt.Epoch, now))
        {
            state.Changed(attempt.Endpoint);
        }

        TellRecovered(attempt.Endpoint, resource, isProbe, now);
        attempt.Permit = permit with { OfResource = false };
        if (!permit.OfDeployment)
        {
            permits.Remove(attempt);
        }
    }

    /// <summary>Returns the permit of an attempt that has ended.</summary>
    public void ReleasePermit(Attempt attempt)
    {
        state.AssertLocked();
        if (!attempt.HoldsPermit)
        {
            return;
        }

        permits.Remove(attempt);
        if (!attempt.IsAdmitted)
        {
            attempt.Endpoint.Health.Release(attempt.Permit, attempt.Epoch);
        }

        attempt.Permit = default;
        state.Changed(attempt.Endpoint);
    }

    /// <summary>A completed answer, at an endpoint that had failures or is not healthy.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="number">The number of its call.</param>
    /// <param name="now">The present.</param>
    public void ClearFailures(Attempt attempt, uint number, long now)
    {
        state.AssertLocked();
        Endpoint endpoint = attempt.Endpoint;
        Admit(attempt, now, completed: true);
        state.ApplyHints(endpoint, now);
        RecoverFromStall(attempt, number, now);
        RefuteHearsay(endpoint, now);
        endpoint.Health.Succeeded(attempt.Epoch);
    }

    /// <summary>
    /// Recovers an endpoint that was ejected as stalled and answers a call from before. An answer to the older half of its calls may be from before the stall, and proves
    /// nothing.
    /// </summary>
    public void RecoverFromStall(Attempt attempt, uint number, long now)
    {
        state.AssertLocked();
        HealthState health = attempt.Endpoint.Health.Deployment;
        if (health.Reason == OutcomeKind.Stalled && attempt.Epoch < health.Epoch && (int)(number - attempt.Endpoint.StalledAtCall) >= 0)
        {
            health.Recover(RecoveryReason.AnsweredAfterAll, state.Epoch, now);
            facts?.Recovered(attempt.Endpoint, health, now);
            state.HasChanged = true;
        }
    }

    /// <summary>An own success beats hearsay: recovers an endpoint that answers, though another process said that it would not. A rejection is not refuted by answers to calls from before.</summary>
    public void RefuteHearsay(Endpoint endpoint, long now)
    {
        state.AssertLocked();
        Refute(endpoint, endpoint.Health.Deployment, now);
        Refute(endpoint, endpoint.Health.Resource, now);
    }

    /// <summary>Ejects an endpoint that has stalled.</summary>
    public void Eject(in Stall stall, long now)
    {
        state.AssertLocked();
        Endpoint endpoint = stall.Endpoint;
        AttemptOutcome outcome = new(OutcomeKind.Stalled, new TimeoutException($"Endpoint '{endpoint.Name}' made no progress with any of its calls, while the other endpoints went on answering."));
        endpoint.StalledAtCall = stall.MiddleCall;
        endpoint.LastFailure = EndpointAttempt.Of(endpoint.Name, endpoint.DeploymentName, outcome, stall.Waited);
        Eject(endpoint, state.Epoch, outcome, stall.Waited, fingerprint: 0, onProbation: false, now);
    }

    /// <summary>An attempt has failed, and the failure counts against its endpoint.</summary>
    /// <param name="endpoint">Where it ran.</param>
    /// <param name="epoch">The pool's epoch when it was picked.</param>
    /// <param name="outcome">How it ended.</param>
    /// <param name="cost">How long it took.</param>
    /// <param name="fingerprint">A hash of the request, where it may exceed the deployment's whole limit; else 0.</param>
    /// <param name="onProbation">It held a permit, so one failure is enough.</param>
    /// <param name="now">The present.</param>
    public void Eject(Endpoint endpoint, int epoch, in AttemptOutcome outcome, TimeSpan cost, int fingerprint, bool onProbation, long now)
    {
        state.AssertLocked();
        if (outcome.HintIsReset && endpoint.Hints.ResetIsNoPause)
        {
            Eject(endpoint, epoch, outcome.WithoutHint(), cost, fingerprint, onProbation, now);
            return;
        }

        if (outcome is { Kind: OutcomeKind.RateLimited, ExhaustsResource: true })
        {
            EjectAll(endpoint, epoch, outcome, cost, fingerprint, onProbation, now);
            return;
        }

        HealthState target = endpoint.Health.TargetOf(outcome.Kind);
        bool isLate = epoch < target.Epoch;
        bool isSuspect = !isLate && outcome.MayExceedLimit && !target.IsRepeatedSuspect(outcome.Kind, fingerprint);
        switch (EjectionPolicy.Decide(outcome, Standing.Of(state.Members, endpoint, outcome, isLate, isSuspect)))
        {
            case Ejection.TakeLate:
                TakeLate(endpoint, target, outcome, cost, now);
                break;
            case Ejection.NoteRequest:
                NoteRequest(endpoint, outcome, now);
                break;
            case Ejection.KeepPace:
                KeepPace(endpoint, target, outcome, cost, now);
                break;
            case Ejection.Endure:
                target.Endure();
                break;
            case Ejection.Eject when target.TryEject(outcome, cost, onProbation, now, state.Epoch + 1):
                state.HasChanged = true;
                TellEjected(endpoint, target, outcome, now);
                break;
        }
    }

    /// <summary>An attempt has failed in a way that is most likely the request's own fault: it counts against the endpoint only when it repeats there, with no answer between.</summary>
    public void Suspect(Endpoint endpoint, int epoch, in AttemptOutcome outcome, TimeSpan cost, int fingerprint, long now)
    {
        state.AssertLocked();
        HealthState target = endpoint.Health.TargetOf(outcome.Kind);
        if (epoch >= target.Epoch && target.IsRepeatedSuspect(outcome.Kind, fingerprint))
        {
            Eject(endpoint, epoch, outcome, cost, fingerprint, onProbation: false, now);
        }
    }

    /// <summary>Ejects all deployments of the resource for the stated time: neither the deployment nor the one that it spills over to has room.</summary>
    private void EjectAll(Endpoint endpoint, int epoch, in AttemptOutcome outcome, TimeSpan cost, int fingerprint, bool onProbation, long now)
    {
        AttemptOutcome each = new(outcome.Kind, outcome.Exception, outcome.Status, outcome.Hint, outcome.Response);
        Eject(endpoint, epoch, each, cost, fingerprint, onProbation, now);
        foreach (Endpoint other in state.Members.EndpointsOf(endpoint.Resource.Health))
        {
            if (other == endpoint)
            {
                continue;
            }

            if (each.IsForLong)
            {
                Eject(other, state.Epoch, each, cost, fingerprint, onProbation: false, now);
            }
            else
            {
                // It was not asked, so its pace learns nothing.
                other.Capacity.PauseUntil(each.RetryAfter is { } stated ? time.After(now, stated) : endpoint.Capacity.PausedUntil, isStated: each.RetryAfter is not null);
                Rest(other, other.Health.Deployment, each, now);
            }
        }
    }

    private void Refute(Endpoint endpoint, HealthState target, long now)
    {
        if (target is { IsHearsay: true, State: EndpointState.Unavailable, Reason: not OutcomeKind.RateLimited } && target.Recover(RecoveryReason.AnsweredAfterAll, state.Epoch, now))
        {
            facts?.Recovered(endpoint, target, now);
            state.HasChanged = true;
        }
    }

    private void TakeLate(Endpoint endpoint, HealthState target, in AttemptOutcome outcome, TimeSpan cost, long now)
    {
        bool isEjected = target.FailedLate(outcome, now, state.Epoch + 1);
        if (outcome is { Kind: OutcomeKind.RateLimited, IsForLong: false })
        {
            LearnPace(endpoint, outcome, cost, now);
        }

        if (isEjected)
        {
            TellEjected(endpoint, target, outcome, now);
        }

        state.Changed(endpoint);
    }

    /// <summary>The endpoint's pace takes the rejection. A pause of at least 100 ms also ejects the endpoint; a shorter one only holds calls back.</summary>
    private void KeepPace(Endpoint endpoint, HealthState target, in AttemptOutcome outcome, TimeSpan cost, long now)
    {
        LearnPace(endpoint, outcome, cost, now);
        Rest(endpoint, target, outcome, now);
    }

    private void Rest(Endpoint endpoint, HealthState target, in AttemptOutcome outcome, long now)
    {
        state.Changed(endpoint);
        long until = endpoint.Capacity.PausedUntil;
        if (until > target.UnavailableUntil && time.Until(now, until) >= ShortestEjection)
        {
            // Where the first call after a pause was rejected again, the pause is longer than stated.
            target.EjectUntil(until, isStated: until <= endpoint.Capacity.StatedUntil, state.Epoch + 1, now);
            TellEjected(endpoint, target, outcome, now);
        }
    }

    private void NoteRequest(Endpoint endpoint, in AttemptOutcome outcome, long now)
    {
        if (now >= endpoint.NextSuspectLogAt)
        {
            endpoint.NextSuspectLogAt = time.After(now, SuspectNoteSpacing);
            log.SuspectedRequest(endpoint.Name, outcome.Hint!.Value);
        }
    }

    private void TellEjected(Endpoint endpoint, HealthState target, in AttemptOutcome outcome, long now)
    {
        state.NextEpoch();
        if (!endpoint.IsRetired)
        {
            facts?.Ejected(endpoint, target, now);
        }

        endpoint.IsLoggedUnavailable |= !endpoint.IsRetired && log.Ejected(endpoint.Name, outcome.Kind, outcome.Status, time.Until(now, target.UnavailableUntil), outcome.Exception);
    }

    private void TellRecovered(Endpoint endpoint, HealthState target, bool isProbe, long now)
    {
        if (isProbe && target.State == EndpointState.Recovering)
        {
            facts?.Recovered(endpoint, target, now);
        }
    }

    /// <summary>A call has ended that shows whether the calls in flight are limited. Where they are, there is room for one that waits.</summary>
    /// <param name="endpoint">Where it went.</param>
    /// <param name="met">The calls in flight there when it went, with it.</param>
    /// <param name="answered">Whether it was answered.</param>
    /// <param name="now">The present.</param>
    public void NoteInFlight(Endpoint endpoint, int met, bool answered, long now)
    {
        if (answered)
        {
            endpoint.Capacity.Admitted(met, now);
        }

        if (endpoint.Capacity.LimitsInFlight && state.Members.IsAwaited(endpoint))
        {
            state.Changed(endpoint);
        }
    }

    private void LearnPace(Endpoint endpoint, in AttemptOutcome outcome, TimeSpan cost, long now)
    {
        endpoint.Hints.Confirm();
        bool counted = endpoint.Capacity.CountsTokens;
        // The rejected call still runs, unless it completed synchronously.
        double taken = endpoint.Capacity.KnowsPace(outcome.NamesTokens) ? 0 : Math.Max(1, TakenInASecond(endpoint, now));
        endpoint.Capacity.Rejected(now, time.After(now, -cost), outcome.RetryAfter, taken, outcome.NamesTokens);
        if (endpoint.Capacity.CountsTokens && !counted)
        {
            foreach (Picker picker in state.Members.PickersOf(endpoint))
            {
                picker.CountsTokens = true;
            }
        }
    }

    /// <summary>
    /// The calls that the endpoint took in the last second: those that run, and those that it answered. Of the latter the starts of the last are known, and an estimate where they are many or completed
    /// synchronously; after a quiet time that says too little.
    /// </summary>
    public double TakenInASecond(Endpoint endpoint, long now)
    {
        inFlight.ForgetRecent(now);
        double answered = Math.Max(endpoint.ResponseTimes.BeganSince(now - time.After(0, Second), now), endpoint.Capacity.AnsweredWithin(Second, endpoint.Answered, now));
        return answered + inFlight.Recent(endpoint, now).OfLastSecond;
    }
}
