using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// The order of a settlement: capacity, health, admissions, rotations, queues, ramps, logs, relocations, and the time of the next one.
/// </summary>
/// <remarks>Needs the balancer's lock. Stuck attempts are claimed under it, and cancelled after it.</remarks>
internal sealed class Settlement(
    PoolState state, TimeProvider time, InFlight inFlight, PermitHolders permits, ProbeSchedule probes, StuckCalls stuck, OutcomeWriter outcomes,
    Selection selection, PoolLog log, DeferredWork deferred, ITimer wake)
{
    /// <summary>The timer is set for at most this time, and then again.</summary>
    private const double LongestDelayMs = 3_600_000;

    private readonly Func<PickRequest, long, Attempt?> _takeQueued = selection.TakeQueued;
    private long _nextSettle = long.MinValue;

    /// <summary>Brings the pool up to the present, if anything has changed or is due.</summary>
    public void Settle(long now)
    {
        state.AssertLocked();
        inFlight.ForgetUnanswered();
        if (!state.HasChanged && now < _nextSettle)
        {
            return;
        }

        AdvanceCapacity(now);
        AdvanceHealth(now);
        AdmitDue(now);
        state.Members.Rebuild();
        foreach (Picker picker in state.Members.Pickers)
        {
            Admission.Release(picker, _takeQueued, now);
        }

        if (EndRamps())
        {
            state.Members.Rebuild();
        }

        TellRecovered();
        Relocate(now);
        Plan(now);
        state.HasChanged = false;
    }

    /// <summary>Plans when calls and the timer settle again.</summary>
    public void Plan(long now)
    {
        state.AssertLocked();
        _nextSettle = NextDue();
        long next = long.MaxValue;
        foreach (Picker picker in state.Members.Pickers)
        {
            bool hasQueue = picker.Queue.Length > 0;
            picker.NextEvent = hasQueue ? long.MinValue : Math.Min(_nextSettle, NextLook(picker, now));
            next = hasQueue ? Math.Min(next, Math.Min(_nextSettle, NextRelease(picker, now))) : next;
        }

        next = Math.Min(next, stuck.NextAt(state.Members, now));
        if (next != long.MaxValue)
        {
            TimeSpan delay = time.Until(now, next);
            wake.Change(TimeSpan.FromMilliseconds(Math.Min(Math.Ceiling(delay.TotalMilliseconds), LongestDelayMs)), Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Plans after an attempt has begun. One without a permit changes no time but that of the next look of its model's calls.</summary>
    public void Plan(Attempt begun, Picker picker, long now)
    {
        state.AssertLocked();
        if (begun.HoldsPermit || state.HasChanged || picker.Candidates.Count > 0 || picker.Queue.Length > 0)
        {
            Plan(now);
        }
        else
        {
            picker.NextEvent = Math.Min(_nextSettle, NextLook(picker, now));
        }
    }

    /// <summary>Claims the attempts that are stuck by now. They are cancelled after the lock.</summary>
    private void Relocate(long now)
    {
        foreach (Attempt attempt in stuck.ClaimDue(state.Members, now))
        {
            deferred.Cancel(attempt);
        }
    }

    private void AdvanceCapacity(long now)
    {
        foreach (Endpoint endpoint in state.Members.Endpoints)
        {
            HealthState health = endpoint.Health.Deployment;
            if (health is { State: EndpointState.Unavailable, Reason: OutcomeKind.RateLimited } && health.UnavailableUntil <= now
                && endpoint.Capacity.PausedUntil >= health.UnavailableUntil)
            {
                // After a rejection an endpoint needs no probe: its pace lets one call go first.
                health.Recover(RecoveryReason.CapacityKnown, state.Epoch, now);
            }

            endpoint.Hints.Advance(now);
        }
    }

    private void AdvanceHealth(long now)
    {
        foreach (HealthState health in state.Members.HealthStates)
        {
            if (health.State == EndpointState.Unavailable && health.UnavailableUntil <= now)
            {
                health.BeginProbing();
            }
        }
    }

    private void AdmitDue(long now)
    {
        for (int i = permits.Count - 1; i >= 0; i--)
        {
            if (permits.IsDue(permits[i], now))
            {
                outcomes.Admit(permits[i], now, completed: false);
            }
        }
    }

    /// <summary>Promotes recovering endpoints to healthy, unless a queued call could go there: the whole queue would be released at once.</summary>
    /// <returns>Whether any was promoted.</returns>
    private bool EndRamps()
    {
        bool changed = false;
        HashSet<HealthState>? awaited = null;
        foreach (HealthState health in state.Members.HealthStates)
        {
            // Looked for once, and only where something recovers: with many models each look is over all of them.
            changed |= health.State == EndpointState.Recovering && !(awaited ??= state.Members.FindAwaited()).Contains(health) && health.TryPromote();
        }

        return changed;
    }

    private void TellRecovered()
    {
        foreach (Endpoint endpoint in state.Members.Endpoints)
        {
            if (endpoint.IsLoggedUnavailable && endpoint.Health.IsHealthy)
            {
                endpoint.IsLoggedUnavailable = false;
                log.Recovered(endpoint.Name);
            }
        }
    }

    /// <summary>The time when the next cooldown ends, the next attempt counts as admitted, or a warning in headers ends.</summary>
    private long NextDue()
    {
        long due = permits.NextAt();
        foreach (HealthState health in state.Members.HealthStates)
        {
            due = health.State == EndpointState.Unavailable ? Math.Min(due, health.UnavailableUntil) : due;
        }

        foreach (Endpoint endpoint in state.Members.Endpoints)
        {
            due = Math.Min(due, endpoint.Hints.NearUntil);
        }

        return due;
    }

    /// <summary>When the next call must take the lock: at once while an available endpoint of the rotation's priority is recovering or limited.</summary>
    private long NextLook(Picker picker, long now)
    {
        foreach (Endpoint endpoint in picker.Endpoints)
        {
            bool isLimited = endpoint.Capacity.IsLimited || endpoint.Capacity.PausedUntil > now;
            if (endpoint.Health.IsAvailable && (!endpoint.Health.IsHealthy || isLimited) && endpoint.Priority == picker.Priority)
            {
                return long.MinValue;
            }
        }

        return probes.NextCandidateAt(picker, now);
    }

    /// <summary>When the queue must be looked at, besides the times of <see cref="NextDue"/>: when an endpoint has room, for a forced probe, or 25 ms later where an endpoint has yet to acknowledge a burst.</summary>
    private long NextRelease(Picker picker, long now)
    {
        long next = probes.NextForcedAt(picker, now);
        PickFilter filter = new(picker.Queue.Head!.Request, inFlight, retry: true, now);
        foreach (Endpoint endpoint in picker.Endpoints)
        {
            if (!endpoint.Health.CanAcquire)
            {
                continue;
            }

            long due = filter.RoomAt(endpoint);
            next = due > now ? Math.Min(next, due)
                : filter.IsInBurst(endpoint) ? Math.Min(next, time.After(now, PickFilter.BurstSpacing))
                : next;
        }

        return next;
    }
}
