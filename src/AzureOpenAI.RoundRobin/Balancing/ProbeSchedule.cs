using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>Which endpoints that are not healthy a call may ask, when, and at what price.</summary>
/// <remarks>
/// <para>A call goes through the rows in this order; "token" is one of the pool's <see cref="RetryBudget"/>.</para>
/// <code>
///   probe          endpoints                                      calls                                        spacing                         price
///   Candidate      probed or recovering, of the best priority     any; where others are healthy, a first       after a failed probe once in    token where others
///                                                                 attempt only                                 a round of turns                are healthy
///   Standby        probed or recovering, of any priority          that no available endpoint has room for      none                            none
///   Intermittent   ejected for errors, and answered since         the same, first in the queue                 each endpoint once a call       token
///   Misconfigured  misconfigured, where all are                   that have tried none                         one call a second; at the       token for each; at the
///                                                                                                              only endpoint none              only endpoint none
///   Forced         unavailable, without a stated time; or         the first in the queue                       4 a second; a probe that has    none
///                  probed for 10 s                                                                             not ended: 10 s; the only
///                                                                                                              endpoint: 0.5, 1, 2, 4 s
/// </code>
/// <para>No probe comes before a time that an endpoint stated. Not safe for concurrent use; the balancer's lock guards it.</para>
/// </remarks>
internal sealed class ProbeSchedule(TimeProvider time, RetryBudget budget, Func<uint> callsBegun)
{
    private static readonly TimeSpan ForcedSpacing = TimeSpan.FromMilliseconds(250);

    /// <summary>Whatever others say, this process forces a probe so often.</summary>
    private static readonly TimeSpan LongestSpacing = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan SecondProbeAfter = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstOfOnlyOne = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestOfOnlyOne = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan MisconfiguredSpacing = TimeSpan.FromSeconds(1);

    private long _lastForced = long.MinValue;
    private long _lastHeard = long.MinValue;
    private long _nextMisconfigured = long.MinValue;

    /// <summary>An endpoint that is offered the call before the rotation: the next in turn among those of the best priority.</summary>
    public Endpoint? Candidate(Picker picker, in PickFilter filter)
    {
        if (picker.Candidates.Count == 0)
        {
            return null;
        }

        List<Endpoint> free = [];
        foreach (Endpoint candidate in picker.Candidates)
        {
            if (filter.Allows(candidate) && (!IsOptional(picker, candidate) || MayProbe(picker, candidate, filter.Request)))
            {
                free.Add(candidate);
            }
        }

        if (free.Count == 0)
        {
            return null;
        }

        // Without a closure, which would be made for calls that find no candidate too.
        int best = 1;
        while (best < free.Count && free[best].Priority == free[0].Priority)
        {
            best++;
        }

        Endpoint chosen = free[(int)(unchecked(picker.Turns + 1) % (uint)best)];
        if (!IsOptional(picker, chosen))
        {
            picker.Advance();
            return chosen;
        }

        // It does not advance the cursor, so a failover after it keeps the rotation even.
        if (!budget.TryTake(filter.Now, callsBegun()))
        {
            return null;
        }

        chosen.ProbedAtTurn = picker.Begun;
        return chosen;
    }

    /// <summary>Where no available endpoint has room: a probing or recovering one of the best priority.</summary>
    public static Endpoint? Standby(Picker picker, in PickFilter filter)
    {
        Endpoint? best = null;
        foreach (Endpoint endpoint in picker.Endpoints)
        {
            if (endpoint.Health.State is EndpointState.Probing or EndpointState.Recovering && (best is null || endpoint.Priority < best.Priority) && filter.Allows(endpoint))
            {
                best = endpoint;
            }
        }

        return best;
    }

    /// <summary>An endpoint that was ejected for errors between its answers: asking it is better than waiting. The one whose last failure is the oldest.</summary>
    public Endpoint? Intermittent(PickRequest request, long now)
    {
        Endpoint? chosen = null;
        foreach (Endpoint endpoint in request.Picker.Endpoints)
        {
            if (!endpoint.Health.IsHealthy && endpoint.Health.IsIntermittent && MayBeAsked(endpoint, request, now)
                && (chosen is null || endpoint.Health.LastFailedAt < chosen.Health.LastFailedAt))
            {
                chosen = endpoint;
            }
        }

        return chosen is not null && budget.TryTake(now, callsBegun()) ? chosen : null;
    }

    /// <summary>Where every endpoint is misconfigured: one call a second asks each of them, so that a corrected key is found without a restart.</summary>
    /// <remarks>An only endpoint is asked by each call, as it would be without a pool: what refuses one call at first may answer the next.</remarks>
    public Endpoint? Misconfigured(PickRequest request, long now)
    {
        if (request.Picker.Endpoints is [{ } only])
        {
            return MayBeAsked(only, request, now) ? only : null;
        }

        if (!request.MayAskMisconfigured)
        {
            if (request.HasTriedAny)
            {
                _nextMisconfigured = Math.Max(_nextMisconfigured, time.After(now, MisconfiguredSpacing));
                return null;
            }

            if (now < _nextMisconfigured)
            {
                return null;
            }

            request.MayAskMisconfigured = true;
            _nextMisconfigured = time.After(now, MisconfiguredSpacing);
        }

        foreach (Endpoint endpoint in request.Picker.Endpoints)
        {
            if (endpoint.Health.State == EndpointState.Unavailable && MayBeAsked(endpoint, request, now) && budget.TryTake(now, callsBegun()))
            {
                return endpoint;
            }
        }

        return null;
    }

    /// <summary>For the first call in the queue: an endpoint whose cooldown still runs, or whose probe has not ended.</summary>
    public Endpoint? Forced(Picker picker, long now)
    {
        if (ForcedAt(picker, now, out Endpoint? endpoint) > now || endpoint is null)
        {
            return null;
        }

        _lastForced = now;
        return endpoint;
    }

    /// <summary>Another process probes an endpoint of this pool: all together force no more probes than one would.</summary>
    public void Heard(long now) => _lastHeard = now;

    /// <summary>When the next forced probe is due; long.MaxValue where none will be.</summary>
    public long NextForcedAt(Picker picker, long now) => ForcedAt(picker, now, out _);

    /// <summary>When the next call must look under the lock for a candidate: at once where one has a permit and room, and where others are healthy when the budget has a token.</summary>
    public long NextCandidateAt(Picker picker, long now)
    {
        long next = long.MaxValue;
        foreach (Endpoint candidate in picker.Candidates)
        {
            if (candidate.Health.CanAcquire)
            {
                long room = candidate.RoomAt(now);
                next = Math.Min(next, room > now ? room : IsOptional(picker, candidate) ? budget.NextAt(now) : long.MinValue);
            }
        }

        return next;
    }

    /// <summary>A probe that the call could do without, since other endpoints are healthy.</summary>
    private static bool IsOptional(Picker picker, Endpoint candidate) => picker.HasHealthy && candidate.Health.State == EndpointState.Probing;

    /// <summary>
    /// A call makes an optional probe with its first attempt only: a call that has lost time already goes to a healthy endpoint. After a failed probe the endpoint is a
    /// candidate once in a round of turns: otherwise, at one call a minute, every call would make a failing probe.
    /// </summary>
    private static bool MayProbe(Picker picker, Endpoint candidate, PickRequest request) =>
        !request.HasTriedAny && (candidate.Health.FailedProbes == 0 || unchecked(picker.Begun - candidate.ProbedAtTurn) >= (uint)picker.Endpoints.Length);

    private static bool MayBeAsked(Endpoint endpoint, PickRequest request, long now) =>
        endpoint.RetryAfterUntil <= now && endpoint.Capacity.HasConfiguredRoom(now) && !request.HasTried(endpoint);

    private long ForcedAt(Picker picker, long now, out Endpoint? endpoint)
    {
        endpoint = null;
        long soonest = long.MaxValue;
        bool isOnly = picker.Endpoints.Count(static other => !other.Health.IsMisconfigured) == 1;
        foreach (Endpoint other in picker.Endpoints)
        {
            long due = ForcedAt(other, isOnly, now);
            if (due < soonest || (due == soonest && endpoint is not null && other.Health.LastFailedAt < endpoint.Health.LastFailedAt))
            {
                soonest = due;
                endpoint = other;
            }
        }

        // All processes wait for the permits of a line, each of its calls for a moment: if each forced a probe, there would be as many as calls.
        return IsPermitSoon(picker.Endpoints, now) ? Math.Max(soonest, time.After(now, ForcedSpacing)) : soonest;
    }

    private bool IsPermitSoon(Endpoint[] endpoints, long now)
    {
        foreach (Endpoint endpoint in endpoints)
        {
            if (endpoint.Capacity.Line is { IsAlone: false } && endpoint.Health.CanAcquire && endpoint.RoomAt(now) <= time.After(now, ForcedSpacing))
            {
                return true;
            }
        }

        return false;
    }

    private long ForcedAt(Endpoint endpoint, bool isOnly, long now)
    {
        EndpointHealth health = endpoint.Health;
        if (health.IsMisconfigured || health.State < EndpointState.Probing)
        {
            return long.MaxValue;
        }

        long spaced = _lastForced == long.MinValue ? now : time.After(_lastForced, ForcedSpacing);
        spaced = _lastHeard == long.MinValue ? spaced : Math.Max(spaced, Math.Min(time.After(_lastHeard, ForcedSpacing), time.After(Math.Max(0, _lastForced), LongestSpacing)));
        if (health.State == EndpointState.Probing)
        {
            // The probe may be a long call, or one that hangs though the endpoint has recovered. It holds the only permit, so after 10 s a second probe is due.
            return health.IsBeingProbed ? Math.Max(spaced, Math.Max(time.After(health.ProbeBeganAt, SecondProbeAfter), endpoint.Capacity.ConfiguredRoomAt(now))) : long.MaxValue;
        }

        // A pause that nobody stated is a guess, which the only endpoint is not left alone for: its callers have nobody else to ask.
        long paused = isOnly ? endpoint.RetryAfterUntil : Math.Max(endpoint.RetryAfterUntil, endpoint.Capacity.PausedUntil);
        long known = Math.Max(paused, endpoint.Capacity.ConfiguredRoomAt(now));
        return known > now ? known
            // Counted from the start of the last probe, so that one which took long to fail is followed at once.
            : isOnly ? time.After(health.LastFailureBeganAt, Timestamps.Min(FirstOfOnlyOne * (1 << Math.Min(health.FailedProbes, 5)), LongestOfOnlyOne))
            : spaced;
    }
}
