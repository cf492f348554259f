using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Balancing.Sharing;
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
    Selection selection, PoolLog log, DeferredWork deferred, ITimer wake, PermitAsks? asks = null)
{
    /// <summary>The timer is set for at most this time, and then again.</summary>
    private const double LongestDelayMs = 3_600_000;

    private readonly Func<PickRequest, long, Attempt?> _takeQueued = selection.TakeQueued;
    private readonly Func<PickRequest, long, Attempt?> _takeOverdue = selection.TakeOverdue;
    private readonly Unsettled _unsettled = state.Unsettled;

    /// <summary>Brings the pool up to the present, if anything has changed or is due.</summary>
    public void Settle(long now)
    {
        state.AssertLocked();
        inFlight.ForgetRecent(now);
        if (!state.HasChanged && now < _unsettled.Next.At)
        {
            return;
        }

        _unsettled.EndRests(now);
        AdvanceHealth(now);
        AdmitDue(now);
        _unsettled.Rebuild();
        foreach (Picker picker in _unsettled.Queued)
        {
            Admission.Release(picker, _takeQueued, now);
            Admission.RunOut(picker, _takeOverdue, now);
        }

        if (EndRamps())
        {
            _unsettled.Rebuild();
        }

        TellRecovered();
        Relocate(now);
        asks?.Look(now);
        Plan(now);
        _unsettled.Settled();
        state.HasChanged = false;
    }

    /// <summary>Plans when calls and the timer settle again.</summary>
    public void Plan(long now)
    {
        state.AssertLocked();
        long due = Math.Min(permits.NextAt(), _unsettled.NextDue);
        _unsettled.Next.At = due;
        foreach (Picker picker in _unsettled.ToPlan())
        {
            picker.NextEvent = NextLook(picker, now);
        }

        long next = long.MaxValue;
        foreach (Picker picker in _unsettled.Queued)
        {
            picker.NextEvent = NextLook(picker, now);
            next = picker.Queue.Length > 0 ? Math.Min(next, Math.Min(due, NextRelease(picker, now))) : next;
        }

        _unsettled.Planned();
        next = Math.Min(next, stuck.NextAt(_unsettled, now));
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
            _unsettled.Changed(picker);
            Plan(now);
        }
        else
        {
            picker.NextEvent = NextLook(picker, now);
        }
    }

    /// <summary>Claims the attempts that are stuck by now. They are cancelled after the lock.</summary>
    private void Relocate(long now)
    {
        foreach (Attempt attempt in stuck.ClaimDue(_unsettled, now))
        {
            deferred.Cancel(attempt);
        }
    }

    /// <summary>Ends the cooldowns that are over. After a rejection an endpoint needs no probe: its pace lets one call go first.</summary>
    private void AdvanceHealth(long now)
    {
        while (_unsettled.Due(now) is { } health)
        {
            if (health.Reason == OutcomeKind.RateLimited && IsPaused(health))
            {
                health.Recover(RecoveryReason.CapacityKnown, state.Epoch, now);
            }
            else
            {
                health.BeginProbing();
            }
        }
    }

    /// <summary>Whether the deployment's pace holds calls back for as long as it is unavailable.</summary>
    private bool IsPaused(HealthState health) => Array.Exists(
        state.Members.EndpointsOf(health), endpoint => endpoint.Health.Deployment == health && endpoint.Capacity.PausedUntil >= health.UnavailableUntil);

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
        foreach (HealthState health in _unsettled.Recovering)
        {
            changed |= !(_unsettled.Queued.Count > 0 && state.Members.IsAwaited(health)) && health.TryPromote();
        }

        return changed;
    }

    private void TellRecovered()
    {
        Endpoint[] recovered = [];
        foreach (Endpoint endpoint in _unsettled.Touched)
        {
            if (endpoint.IsLoggedUnavailable && endpoint.Health.IsHealthy)
            {
                recovered = [.. recovered, endpoint];
            }
        }

        if (recovered.Length > 1)
        {
            // In the order of the configuration.
            Array.Sort(Array.ConvertAll(recovered, endpoint => Array.IndexOf(state.Members.Endpoints, endpoint)), recovered);
        }

        foreach (Endpoint endpoint in recovered)
        {
            endpoint.IsLoggedUnavailable = false;
            log.Recovered(endpoint.Name);
        }
    }

    /// <summary>When the next call must take the lock: at once while calls are queued, or an available endpoint of the rotation's priority is recovering or limited.</summary>
    private long NextLook(Picker picker, long now)
    {
        if (picker.Queue.Length > 0 || (picker.NeedsLock is { } before && NeedsLock(before, picker, now)))
        {
            return long.MinValue;
        }

        picker.NeedsLock = null;
        foreach (Endpoint endpoint in picker.Endpoints)
        {
            Visits.Add();
            if (NeedsLock(endpoint, picker, now))
            {
                picker.NeedsLock = endpoint;
                return long.MinValue;
            }
        }

        return probes.NextCandidateAt(picker, now);
    }

    private static bool NeedsLock(Endpoint endpoint, Picker picker, long now) =>
        endpoint.Priority == picker.Priority && endpoint.Health.IsAvailable
        && (!endpoint.Health.IsHealthy || endpoint.Capacity.IsLimited || endpoint.Capacity.PausedUntil > now);

    /// <summary>
    /// When the queue must be looked at, besides the times of <see cref="Unsettled.NextDue"/>: when an endpoint has room, for a forced probe, when a call may not wait any longer, or
    /// 25 ms later where an endpoint has yet to acknowledge a burst.
    /// </summary>
    private long NextRelease(Picker picker, long now)
    {
        long next = Math.Min(probes.NextForcedAt(picker, now), picker.Queue.LeastPatient!.Deadline);
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
