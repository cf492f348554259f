using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing;

internal sealed partial class Dispatcher
{
    /// <summary>A stated pause shorter than this passes the endpoint's turn over and leaves the rotation as it is.</summary>
    private static readonly TimeSpan ShortestRebuild = TimeSpan.FromMilliseconds(100);

    /// <summary>A client that sends the same too large request again and again is told of once in so long.</summary>
    private static readonly TimeSpan SuspectNoteSpacing = TimeSpan.FromMinutes(1);

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
            endpoint.Vitals.Heard(NumberOf(attempt));
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

    private bool IsAlone(Endpoint endpoint) =>
        Array.TrueForAll(_members.Groups, group => group.Endpoints.Length == 1 || !group.Endpoints.Contains(endpoint));

    /// <param name="endpoint">The one that has failed.</param>
    /// <param name="atResource">Whether other deployments of its resource can stand in for it.</param>
    private bool IsLastOpen(Endpoint endpoint, bool atResource) => Array.TrueForAll(_members.Groups, group =>
        !group.Endpoints.Contains(endpoint)
        || Array.TrueForAll(group.Endpoints, other => other == endpoint || (!atResource && other.Resource == endpoint.Resource) || !other.IsOpen));

    private static Health TargetOf(Endpoint endpoint, in AttemptOutcome outcome) => outcome.Kind switch
    {
        OutcomeKind.Credential or OutcomeKind.Unreachable or OutcomeKind.Fault or OutcomeKind.Broken => endpoint.Resource.Health,
        _ => endpoint.Health,
    };

    /// <summary>The deployment has no room, nor has the one that would have taken over: so all of the resource's deployments rest, each for as long as was said.</summary>
    private void BlameAllUnsynchronized(Endpoint endpoint, int generation, in AttemptOutcome outcome, TimeSpan cost, int fingerprint, bool onProbation, long now)
    {
        AttemptOutcome each = new(outcome.Kind, outcome.Exception, outcome.Status, outcome.Hint, outcome.Response);
        foreach (Endpoint other in _members.Endpoints)
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

        if (outcome.StatedPause < ShortestRebuild && target == endpoint.Health && endpoint.IsFit && _members.Groups.All(group => group.Line.Length == 0))
        {
            endpoint.SkippedUntil = Math.Max(endpoint.SkippedUntil, _time.After(now, outcome.StatedPause.Value));
            _dirty = true;
            return;
        }

        if (outcome is { Kind: OutcomeKind.Fault or OutcomeKind.Broken, StatedPause: null } && endpoint.IsFit && IsAlone(endpoint) && !IsWaitedFor(endpoint))
        {
            // It has nobody to stand in for it, so it does not go out for an error: its calls come back one by one, as the SDK's own retries would. Where it is
            // out already, or others wait, they wait in line, and would come back at once and again and again.
            return;
        }

        if (outcome is { Kind: OutcomeKind.Fault or OutcomeKind.Broken, StatedPause: null } && endpoint.IsOpen && endpoint.Resource.Health.IsPartlyWell && IsLastOpen(endpoint, atResource: false))
        {
            // With it the whole pool would be out, though each of them answers some of the calls.
            target.Endured();
            return;
        }

        if (endpoint.IsOpen && (outcome.Kind == OutcomeKind.Cut ? IsLastOpen(endpoint, atResource: true) : outcome.Kind == OutcomeKind.Slow && IsAlone(endpoint)))
        {
            // It fails some calls, late or in the middle, and nobody is there who would do better. If it went out, all the others would wait for nothing.
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
}
