using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Balancing.Sharing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>The order in which a call looks for an endpoint: a candidate, the next turn, a standby, a probe; else a pause, a refusal or the queue. Begins the attempt.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class Selection(PoolState state, TimeProvider time, InFlight inFlight, PermitHolders permits, ProbeSchedule probes, Admission admission, SharedFacts? facts = null)
{
    /// <summary>The next endpoint for a call, or what the call does while there is none.</summary>
    public PickResult Pick(PickRequest request, long now)
    {
        state.AssertLocked();
        Picker picker = request.Picker;
        if (picker.Endpoints.Length == 0)
        {
            return PickResult.Refused(Refusal.Gone);
        }

        if (Admission.IsFirst(request)
            && (Take(request, retry: false, now) ?? TakeBeyondTokenLimits(request, now) ?? (request.OnlyUntried ? null : Probe(probes.Intermittent(request, now), request, now))) is { } attempt)
        {
            return PickResult.Of(attempt);
        }

        if (request.OnlyUntried)
        {
            return PickResult.Refused(Refusal.NoneUntried);
        }

        if (Array.TrueForAll(picker.Endpoints, static endpoint => endpoint.IsHopeless))
        {
            return Probe(probes.Misconfigured(request, now), request, now) is { } asked ? PickResult.Of(asked) : PickResult.Refused(Refusal.Misconfigured);
        }

        if (request.HasLeftAll)
        {
            return PickResult.Refused(Refusal.BeyondPatience);
        }

        if (request.HasTriedAny)
        {
            NoteNoneFree(request, now);
        }

        PickFilter filter = new(request, inFlight, retry: true, now);
        return picker.Queue.Length == 0 && picker.HasAny(filter) ? admission.Pause(filter) : admission.Refuse(request, now) ?? Enqueue(request, now);
    }

    /// <summary>
    /// The next turn, where nothing goes before it and a configured number of requests, which has room, is all that limits its endpoint. It is what <see cref="TakeFirst"/> finds with
    /// more questions. The next call takes the lock as well, so there is nothing to plan. Null changes nothing.
    /// </summary>
    public Attempt? TakeTurn(Picker picker, uint affinity, long now)
    {
        state.AssertLocked();
        Rotation rotation = picker.Rotation;
        if (affinity != 0 || rotation.Count == 0 || picker.Candidates.Count > 0 || picker.Queue.Length > 0)
        {
            return null;
        }

        Endpoint endpoint = rotation[unchecked(picker.Turns + 1)];
        if (!endpoint.Health.IsHealthy || !endpoint.Capacity.TryTakeConfigured(now))
        {
            return null;
        }

        picker.Advance();
        return inFlight.BeginHere(endpoint, state.Epoch, now);
    }

    /// <summary>The first look of a call that has tried nothing. Null changes nothing: the call goes on by <see cref="Pick"/>.</summary>
    public Attempt? TakeFirst(Picker picker, uint affinity, TokenEstimate tokens, long now)
    {
        PickRequest request = picker.FirstLook;
        (request.Affinity, request.Tokens) = (affinity, tokens);
        return Admission.IsFirst(request) && Find(request, retry: false, now) is { } endpoint ? BeginFirst(endpoint, request, now) : null;
    }

    /// <summary>Begins an attempt at a candidate, else at the next endpoint in turn, else at a standby; null where none takes the call.</summary>
    /// <param name="request">The call.</param>
    /// <param name="retry">Whether the call may return to an endpoint that it has tried.</param>
    /// <param name="now">The present.</param>
    public Attempt? Take(PickRequest request, bool retry, long now)
    {
        state.AssertLocked();
        return Find(request, retry, now) is { } endpoint ? Begin(endpoint, request, now) : null;
    }

    /// <summary>The same for the first call in the queue, which may also return to an endpoint that it has tried, and force a probe.</summary>
    public Attempt? TakeQueued(PickRequest request, long now) =>
        Take(request, retry: false, now)
        ?? Probe(probes.Intermittent(request, now), request, now)
        ?? Take(request, retry: true, now)
        ?? ForceProbe(request, now);

    /// <summary>For a call whose wait has reached its limit: an endpoint, if only a configured token limit has no room for it.</summary>
    public Attempt? TakeOverdue(PickRequest request, long now)
    {
        if (!request.Tokens.IsCharged)
        {
            return null;
        }

        request.IgnoresTokenLimits = true;
        return Take(request, retry: true, now);
    }

    private Endpoint? Find(PickRequest request, bool retry, long now)
    {
        PickFilter filter = new(request, inFlight, retry, now);
        return probes.Candidate(request.Picker, filter) ?? request.Picker.Take(filter) ?? ProbeSchedule.Standby(request.Picker, filter);
    }

    private void NoteNoneFree(PickRequest request, long now) =>
        request.NoteNoneFree(endpoint => !endpoint.Health.IsMisconfigured && time.Until(now, endpoint.RetryAfterUntil) <= request.Patience);

    /// <summary>Token limits are estimates, so they refuse no call: where none will have room in time, the call ignores them and the service decides.</summary>
    private Attempt? TakeBeyondTokenLimits(PickRequest request, long now)
    {
        if (!request.Tokens.IsCharged || request.IgnoresTokenLimits)
        {
            return null;
        }

        // While no endpoint is available, its token limit is not what the call waits for.
        bool isAnyAvailable = false;
        long soonest = long.MaxValue;
        foreach (Endpoint endpoint in request.Picker.Endpoints)
        {
            if (endpoint.Health.IsAvailable)
            {
                isAnyAvailable = true;
                soonest = Math.Min(soonest, endpoint.Capacity.RoomForAt(request.Tokens.At(endpoint.MaxOutputTokens), now));
            }
        }

        request.IgnoresTokenLimits = isAnyAvailable && time.Until(now, soonest) > request.Patience;
        return request.IgnoresTokenLimits ? Take(request, retry: false, now) : null;
    }

    private Attempt? ForceProbe(PickRequest request, long now)
    {
        Attempt? attempt = Probe(probes.Forced(request.Picker, now), request, now);
        if (attempt is not null)
        {
            // The queues that are released after this one must see the probe.
            state.Unsettled.Rebuild();
        }

        return attempt;
    }

    private Attempt? Probe(Endpoint? endpoint, PickRequest request, long now)
    {
        if (endpoint is null)
        {
            return null;
        }

        if (endpoint.Health.Deployment.State == EndpointState.Unavailable)
        {
            endpoint.Health.Deployment.BeginProbing();
        }

        if (endpoint.Health.Resource.State == EndpointState.Unavailable)
        {
            endpoint.Health.Resource.BeginProbing();
        }

        state.HasChanged = true;
        return Begin(endpoint, request, now);
    }

    private Attempt Begin(Endpoint endpoint, PickRequest request, long now)
    {
        Attempt attempt = inFlight.Begin(endpoint, state.Epoch);
        Count(attempt, now);
        Charge(attempt, endpoint, request, now);
        return attempt;
    }

    /// <summary>
    /// The same for a call that may complete synchronously, which is then neither counted in flight nor timed, as one that never takes the lock. One with an affinity is counted,
    /// since other picks read that; one with a permit, whose time runs from here; and one at an endpoint that may limit the calls in flight.
    /// </summary>
    private Attempt BeginFirst(Endpoint endpoint, PickRequest request, long now)
    {
        Attempt attempt = inFlight.BeginHere(endpoint, state.Epoch, now);
        Charge(attempt, endpoint, request, now);
        if (request.Affinity != 0 || attempt.HoldsPermit || endpoint.Capacity.WatchesInFlight(now))
        {
            Count(attempt, now);
        }

        return attempt;
    }

    private void Count(Attempt attempt, long now)
    {
        attempt.Count(state.CallsBegun());
        attempt.StartedAt = now;
        EndpointCapacity capacity = attempt.Endpoint.Capacity;
        if (capacity.WatchesInFlight(now))
        {
            attempt.Met = attempt.Endpoint.InFlight;
            capacity.Met(attempt.Met, now);
        }
    }

    private void Charge(Attempt attempt, Endpoint endpoint, PickRequest request, long now)
    {
        endpoint.Capacity.Charge(request.Tokens.At(endpoint.MaxOutputTokens), now, request.HasQueued);
        if (endpoint.Health.Acquire(now) is { IsHeld: true } permit)
        {
            attempt.Permit = permit;
            permits.Add(attempt);
            state.Unsettled.Changed(endpoint);
            TellProbe(endpoint, endpoint.Health.Deployment, now);
            TellProbe(endpoint, endpoint.Health.Resource, now);
        }
    }

    private void TellProbe(Endpoint endpoint, HealthState target, long now)
    {
        if (target.State == EndpointState.Probing)
        {
            facts?.Probes(endpoint, target, now);
        }
    }

    private PickResult Enqueue(PickRequest request, long now)
    {
        state.HasChanged = true;
        state.Unsettled.Queue(request.Picker);
        return PickResult.Queued(admission.Enqueue(request, now));
    }
}
