using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;

namespace AzureOpenAI.RoundRobin.Balancing;

internal sealed partial class Dispatcher
{
    /// <summary>Probes that no cooldown has ended for, while calls wait: four a second in the whole pool.</summary>
    private static readonly TimeSpan ProbeSpacing = TimeSpan.FromMilliseconds(250);

    /// <summary>Where every endpoint is misconfigured, one call in so long asks whether that has been mended.</summary>
    private static readonly TimeSpan AskAgainSpacing = TimeSpan.FromSeconds(1);

    /// <summary>Fewer calls at once are no burst that could cost much.</summary>
    private const int LeastCrowd = 32;

    /// <summary>Whoever cannot wait for a moment goes wherever it may.</summary>
    private static readonly TimeSpan LeastPatience = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>So often those who wait for a crowd to be judged look again.</summary>
    private static readonly TimeSpan CrowdSpacing = TimeSpan.FromMilliseconds(25);

    private long _lastProbe = long.MinValue;
    private long _nextAsk = long.MinValue;

    /// <summary>The next endpoint for a call, or what it should do while there is none.</summary>
    public Pick Next(Call call)
    {
        Pick pick;
        lock (_lock)
        {
            pick = NextUnsynchronized(call);
        }

        FinishOutside();
        return pick;
    }

    private Pick NextUnsynchronized(Call call)
    {
        EndpointGroup group = call.Group;
        if (_disposed)
        {
            return Pick.Refused(Refusal.Disposed);
        }

        if (group.Endpoints.Length == 0)
        {
            return Pick.Refused(Refusal.Gone);
        }

        long now = _time.GetTimestamp();
        SettleUnsynchronized(now);
        // Nobody overtakes those who wait; but a call that was let go before them and failed comes back in front of them.
        bool isFirst = group.Line.Head is not { } head || call.Ticket < head.Ticket;
        if (isFirst && (TakeUnsynchronized(group, call, retry: false, now)
            ?? TakeAnywayUnsynchronized(group, call, now)
            ?? AskPartlyWellUnsynchronized(group, call, now)) is { } attempt)
        {
            RefreshEventsUnsynchronized(now);
            return Pick.Of(attempt);
        }

        if (Array.TrueForAll(group.Endpoints, static endpoint => endpoint.IsMisconfigured))
        {
            return AskAgainUnsynchronized(group, call, now) is { } asked ? Pick.Of(asked) : Pick.Refused(Refusal.Misconfigured);
        }

        TimeSpan patience = call.Patience;
        return group.Line.Length == 0 && IsFitButTriedUnsynchronized(group, call, now)
            ? PauseUnsynchronized(group, call, patience, now)
            : JoinUnsynchronized(group, call, patience, now);
    }

    /// <summary>No request is refused because of what we think that it costs: where the token limits have no room for it in time, the service decides.</summary>
    private Attempt? TakeAnywayUnsynchronized(EndpointGroup group, Call call, long now)
    {
        if (!call.Tokens.IsCharged || call.IgnoresTokenLimits)
        {
            return null;
        }

        long soonest = long.MaxValue;
        foreach (Endpoint endpoint in group.Endpoints)
        {
            if (endpoint.IsOpen)
            {
                soonest = Math.Min(soonest, endpoint.Capacity.RoomForAt(call.Tokens.At(endpoint.MaxOutputTokens)));
            }
        }

        call.IgnoresTokenLimits = _time.Until(now, soonest) > call.Patience;
        return call.IgnoresTokenLimits ? TakeUnsynchronized(group, call, retry: false, now) : null;
    }

    /// <summary>An endpoint that may be asked now: half-open ones that are offered first, then the rotation's turn.</summary>
    /// <param name="group">The endpoints that answer the call's model.</param>
    /// <param name="call">The call, for what it has tried.</param>
    /// <param name="retry">Whether an endpoint that this call has tried will do.</param>
    /// <param name="now">The present.</param>
    private Attempt? TakeUnsynchronized(EndpointGroup group, Call call, bool retry, long now)
    {
        // Whose turn it would be; the turn is taken only if somebody can be asked.
        uint ticket = unchecked(group.Turns + 1);
        if (OfferUnsynchronized(group, call, ticket, retry, now) is { } offer)
        {
            if (!IsRisked(group, offer))
            {
                group.NextTicket();
            }

            return BeginUnsynchronized(offer, call.Tokens, now);
        }

        Endpoint? endpoint = call.Affinity != 0
            ? Preferred(group, group.Rotation, call.Affinity, call, retry, now)
            : InTurnUnsynchronized(group, call, ticket, retry, now);
        endpoint ??= SpillOverUnsynchronized(group, call, retry, now);
        // Those that are fit have no room, or have failed this call: then no probe is one that it would do without.
        endpoint ??= HalfOpenUnsynchronized(group, call, retry, now);
        return endpoint is null ? null : BeginUnsynchronized(endpoint, call.Tokens, now);
    }

    private Endpoint? InTurnUnsynchronized(EndpointGroup group, Call call, uint ticket, bool retry, long now)
    {
        Rotation rotation = group.Rotation;
        uint passedOver = 0;
        for (uint i = 0; i < (uint)rotation.Count; i++)
        {
            Endpoint endpoint = rotation[ticket + i];
            if (IsFree(endpoint, call, retry, now))
            {
                group.TakeTurn(passedOver);
                return endpoint;
            }

            passedOver += endpoint.HasPermit && endpoint.SkippedUntil <= now ? 0u : 1u;
        }

        return null;
    }

    /// <summary>
    /// For a call that the rotation has no room for, or has failed: of the next tier that has any, the one whose turn it is there. Those of the best tier that have
    /// no turns because they are near their limit come before the next tier.
    /// </summary>
    private Endpoint? SpillOverUnsynchronized(EndpointGroup group, Call call, bool retry, long now)
    {
        int tier = int.MaxValue;
        uint free = 0;
        foreach (Endpoint endpoint in group.Endpoints)
        {
            if (endpoint.Priority >= group.Tier && endpoint.Priority <= tier && endpoint.IsOpen && IsFree(endpoint, call, retry, now))
            {
                free = endpoint.Priority < tier ? 1 : free + 1;
                tier = endpoint.Priority;
            }
        }

        if (free == 0)
        {
            return null;
        }

        uint turn = group.NextSpill() % free;
        foreach (Endpoint endpoint in group.Endpoints)
        {
            if (endpoint.Priority == tier && endpoint.IsOpen && IsFree(endpoint, call, retry, now) && turn-- == 0)
            {
                return endpoint;
            }
        }

        return null;
    }

    /// <summary>The half-open endpoint of the best tier that has any. Those of tiers below the best fit one are asked by nobody else.</summary>
    private Endpoint? HalfOpenUnsynchronized(EndpointGroup group, Call call, bool retry, long now)
    {
        Endpoint? best = null;
        foreach (Endpoint endpoint in group.Endpoints)
        {
            if (endpoint.Condition is Condition.Probing or Condition.Returning && (best is null || endpoint.Priority < best.Priority) && IsFree(endpoint, call, retry, now))
            {
                best = endpoint;
            }
        }

        return best;
    }

    /// <summary>The half-open endpoint whose turn it is among those of the best priority. A probe costs a token where the call has a fit endpoint to go to.</summary>
    private Endpoint? OfferUnsynchronized(EndpointGroup group, Call call, uint ticket, bool retry, long now)
    {
        List<Endpoint> free = group.Offers.FindAll(offer => IsFree(offer, call, retry, now) && (!IsRisked(group, offer) || MayProbe(group, offer, call)));
        if (free.Count == 0)
        {
            return null;
        }

        int best = free.FindLastIndex(offer => offer.Priority == free[0].Priority) + 1;
        Endpoint chosen = free[(int)(ticket % (uint)best)];
        if (!IsRisked(group, chosen))
        {
            return chosen;
        }

        if (!_budget.TryTake(now, _members.CallsBegun()))
        {
            return null;
        }

        chosen.ProbedAtCall = group.Begun;
        return chosen;
    }

    /// <summary>A probe that the call would do without, since others are fit. It takes none of their turns, so that whoever is asked if it fails is asked in its own.</summary>
    private static bool IsRisked(EndpointGroup group, Endpoint offer) => group.Tier != int.MaxValue && offer.Condition == Condition.Probing;

    /// <summary>A call risks a probe with its first attempt only: one that has lost its time already gets the best there is. An endpoint that has failed one before is not offered first any more, but once in a round of turns: else at a call a minute each call would find it out again.</summary>
    private static bool MayProbe(EndpointGroup group, Endpoint offer, Call call) =>
        !call.HasTriedAny && (offer.FailedProbes == 0 || unchecked(group.Begun - offer.ProbedAtCall) >= (uint)group.Endpoints.Length);

    private bool IsFree(Endpoint endpoint, Call call, bool retry, long now) =>
        endpoint.HasPermit && endpoint.SkippedUntil <= now && (retry || !call.HasTried(endpoint))
        && (call.IgnoresTokenLimits || endpoint.Capacity.HasRoomFor(call.Tokens.At(endpoint.MaxOutputTokens)))
        && !IsCrowded(endpoint, call, now);

    /// <summary>
    /// The call was rejected in a burst that this endpoint stands in as well: as many calls that it cannot have judged yet wait here as where that was, more than
    /// it is known to answer. In a moment it has judged them, and then the call knows where to go; now it would most likely be rejected once more.
    /// </summary>
    private bool IsCrowded(Endpoint endpoint, Call call, long now)
    {
        if (call.RejectedBy is not { } other || other == endpoint || endpoint.InFlight < LeastCrowd || call.Patience < LeastPatience)
        {
            return false;
        }

        int unjudged = Unjudged(endpoint, now);
        return unjudged >= Math.Max(LeastCrowd, Unjudged(other, now)) && unjudged > 2 * endpoint.Capacity.AnsweredWithin(Second, endpoint.Answered, now);
    }

    private int Unjudged(Endpoint endpoint, long now) => _attempts.CountUnanswered(endpoint, endpoint.RejectionTime, now);

    /// <summary>Disposal takes the lock before it sets its flag, so an attempt that begins under it does begin.</summary>
    private Attempt BeginUnsynchronized(Endpoint endpoint, TokenEstimate tokens, long now)
    {
        Attempt attempt = Begin(_attempts.Rent(), endpoint)!;
        Count(attempt);
        attempt.StartedAt = now;
        endpoint.Capacity.Take(tokens.At(endpoint.MaxOutputTokens), now);
        attempt.HoldsOwnPermit = endpoint.Health.TakePermit(now);
        attempt.HoldsResourcePermit = endpoint.Resource.Health.TakePermit(now);

        if (attempt.HoldsPermit)
        {
            _unadmitted.Add(attempt);
        }

        return attempt;
    }

    /// <summary>Only a misconfiguration stands in the way: now and then one call goes round and asks, so that a mended key is found.</summary>
    private Attempt? AskAgainUnsynchronized(EndpointGroup group, Call call, long now)
    {
        if (!call.MayAskMisconfigured)
        {
            if (call.HasTriedAny)
            {
                _nextAsk = Math.Max(_nextAsk, _time.After(now, AskAgainSpacing));
                return null;
            }

            if (now < _nextAsk)
            {
                return null;
            }

            call.MayAskMisconfigured = true;
            _nextAsk = _time.After(now, AskAgainSpacing);
        }

        foreach (Endpoint endpoint in group.Endpoints)
        {
            if (endpoint.Condition == Condition.Out && endpoint.StatedUntil <= now && endpoint.Capacity.HasConfiguredRoom && !call.HasTried(endpoint)
                && _budget.TryTake(now, _members.CallsBegun()))
            {
                return ProbeUnsynchronized(endpoint, call.Tokens, now);
            }
        }

        return null;
    }

    /// <summary>
    /// No fit endpoint is left to the call, and one that is out for errors has answered others not long ago: it is better asked than waited for. That the
    /// whole pool fails makes no storm, since each costs a token.
    /// </summary>
    private Attempt? AskPartlyWellUnsynchronized(EndpointGroup group, Call call, long now)
    {
        Endpoint? chosen = null;
        foreach (Endpoint endpoint in group.Endpoints)
        {
            if (!endpoint.IsFit && endpoint.IsPartlyWell && endpoint.StatedUntil <= now && endpoint.Capacity.HasConfiguredRoom && !call.HasTried(endpoint)
                && (chosen is null || endpoint.LastFailedAt < chosen.LastFailedAt))
            {
                chosen = endpoint;
            }
        }

        return chosen is not null && _budget.TryTake(now, _members.CallsBegun()) ? ProbeUnsynchronized(chosen, call.Tokens, now) : null;
    }

    private Attempt ProbeUnsynchronized(Endpoint endpoint, TokenEstimate tokens, long now)
    {
        if (endpoint.Health.Condition == Condition.Out)
        {
            endpoint.Capacity.Reopen(now, stated: false);
            endpoint.Health.BeginProbing();
        }

        if (endpoint.Resource.Health.Condition == Condition.Out)
        {
            endpoint.Resource.Health.BeginProbing();
        }

        Attempt attempt = BeginUnsynchronized(endpoint, tokens, now);
        _dirty = true;
        return attempt;
    }

    private bool IsFitButTriedUnsynchronized(EndpointGroup group, Call call, long now)
    {
        foreach (Endpoint endpoint in group.Rotation.Slots)
        {
            if (IsFree(endpoint, call, retry: true, now))
            {
                return true;
            }
        }

        return false;
    }
}
