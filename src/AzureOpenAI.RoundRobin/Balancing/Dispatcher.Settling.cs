using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing;

internal sealed partial class Dispatcher
{
    private static readonly TimeSpan LongestProbeSpacing = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan FirstProbeSpacing = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan SecondProbeAfter = TimeSpan.FromSeconds(10);

    /// <summary>Brings everything up to the present: what has become due, who is admitted, who leaves the line, and when to look again.</summary>
    private void SettleUnsynchronized(long now)
    {
        if (!_dirty && now < _nextSettle)
        {
            return;
        }

        _dirty = false;
        foreach (Endpoint endpoint in _members.Endpoints)
        {
            ReopenUnsynchronized(endpoint, now);
            endpoint.Hints.Advance(now);
            endpoint.Capacity.Advance(now, endpoint.RejectionTime, drained: endpoint.InFlight <= 1);
        }

        foreach (Health health in _members.Healths)
        {
            if (health.Condition == Condition.Out && health.OutUntil <= now)
            {
                health.BeginProbing();
            }
        }

        for (int i = _unadmitted.Count - 1; i >= 0; i--)
        {
            if (AdmittedAt(_unadmitted[i]) <= now)
            {
                AdmitUnsynchronized(_unadmitted[i], now, completed: false);
            }
        }

        RebuildUnsynchronized();
        foreach (EndpointGroup group in _members.Groups)
        {
            ReleaseUnsynchronized(group, now);
        }

        LetGoUnsynchronized();

        TellReturnsUnsynchronized();
        RefreshEventsUnsynchronized(now);
        _dirty = false;
    }

    private void TellReturnsUnsynchronized()
    {
        foreach (Endpoint endpoint in _members.Endpoints)
        {
            if (endpoint.IsToldOut && endpoint.IsFit)
            {
                endpoint.IsToldOut = false;
                _log.Returned(endpoint.Name);
            }
        }
    }

    /// <summary>After a rejection, where it is known how much it takes, its time opens it for all of that.</summary>
    private static void ReopenUnsynchronized(Endpoint endpoint, long now)
    {
        Health health = endpoint.Health;
        if (health is { Condition: Condition.Out, Reason: OutcomeKind.RateLimited } && health.OutUntil <= now
            && endpoint.Capacity.Reopen(health.OutUntil, stated: health.StatedUntil >= health.OutUntil))
        {
            health.Reopen(now);
        }
    }

    private void RebuildUnsynchronized()
    {
        foreach (EndpointGroup group in _members.Groups)
        {
            group.Rebuild();
        }
    }

    /// <summary>Ends the gradual return of those that nobody waits for, who would rush at them. Lines for other endpoints do not hold it up.</summary>
    private void LetGoUnsynchronized()
    {
        bool changed = false;
        foreach (Endpoint endpoint in _members.Endpoints)
        {
            if (endpoint.Health.Condition == Condition.Returning && !IsWaitedFor(endpoint) && endpoint.Health.TryBecomeFit())
            {
                endpoint.Capacity.Forget();
                changed = true;
            }

            changed |= endpoint.Resource.Health.Condition == Condition.Returning
                && !Array.Exists(_members.Endpoints, other => other.Resource == endpoint.Resource && IsWaitedFor(other))
                && endpoint.Resource.Health.TryBecomeFit();
        }

        if (changed)
        {
            RebuildUnsynchronized();
        }
    }

    private bool IsWaitedFor(Endpoint endpoint) => Array.Exists(_members.Groups, group => group.Line.Length > 0 && Array.IndexOf(group.Endpoints, endpoint) >= 0);

    /// <summary>Lets calls go from the head of the line for as long as an endpoint takes them.</summary>
    private void ReleaseUnsynchronized(EndpointGroup group, long now)
    {
        while (group.Line.Head is { } head)
        {
            if ((TakeUnsynchronized(group, head.Call, retry: false, now)
                ?? AskPartlyWellUnsynchronized(group, head.Call, now)
                ?? TakeUnsynchronized(group, head.Call, retry: true, now)
                ?? ForceProbeUnsynchronized(group, head.Call, now)) is not { } attempt)
            {
                break;
            }

            group.Line.Leave(head);
            // A probe is no pace: while a fault lasts nobody knows when the line will move.
            head.Call.MadePace = !attempt.Endpoint.IsProbedForFault;
            if (head.Call.MadePace)
            {
                group.Line.CountReleased(now);
            }

            head.TrySetResult(attempt);
        }

        if (group.Line.Length > 0 && SoonestStatedUnsynchronized(group, now) is var soonest && soonest > now)
        {
            DismissUnsynchronized(group, soonest);
        }
    }

    /// <summary>Nobody waits for what is known not to come in time.</summary>
    private static void DismissUnsynchronized(EndpointGroup group, long soonest)
    {
        for (LinkedListNode<Waiter>? node = group.Line.Head?.Place; node is not null;)
        {
            Waiter waiter = node.Value;
            node = node.Next;
            if (waiter.Deadline < soonest && group.Line.Leave(waiter))
            {
                waiter.TrySetResult(null);
            }
        }
    }

    private Attempt? ForceProbeUnsynchronized(EndpointGroup group, Call call, long now)
    {
        if (ForcedProbe(group, now, out Endpoint? endpoint) > now || endpoint is null)
        {
            return null;
        }

        _lastProbe = now;
        Attempt attempt = ProbeUnsynchronized(endpoint, call.Tokens, now);
        RebuildUnsynchronized();
        return attempt;
    }

    /// <summary>
    /// When the head of the line may probe an endpoint whose cooldown still runs, or whose probe is not back, and which one: of those that have not named a
    /// time themselves, the first that may be asked, and the one that was not asked for longest.
    /// </summary>
    private long ForcedProbe(EndpointGroup group, long now, out Endpoint? endpoint)
    {
        endpoint = null;
        long soonest = long.MaxValue;
        bool isOnly = group.Endpoints.Count(static other => !other.IsMisconfigured) == 1;
        foreach (Endpoint other in group.Endpoints)
        {
            long due = ForcedProbeAt(other, isOnly, now);
            if (due < soonest || (due == soonest && endpoint is not null && other.LastFailedAt < endpoint.LastFailedAt))
            {
                soonest = due;
                endpoint = other;
            }
        }

        return soonest;
    }

    private long ForcedProbeAt(Endpoint endpoint, bool isOnly, long now)
    {
        // A configured limit has its own time, at which everything is looked at again.
        if (endpoint.IsMisconfigured || endpoint.Condition < Condition.Probing || !endpoint.Capacity.HasConfiguredRoom)
        {
            return long.MaxValue;
        }

        long spaced = _lastProbe == long.MinValue ? now : _time.After(_lastProbe, ProbeSpacing);
        if (endpoint.Condition == Condition.Probing)
        {
            // Its probe may be a long call, or one that hangs though the endpoint is well by now. Meanwhile nobody else is let in, so another is asked too.
            return endpoint.IsBeingProbed ? Math.Max(spaced, _time.After(endpoint.ProbeBeganAt, SecondProbeAfter)) : long.MaxValue;
        }

        return Math.Max(endpoint.StatedUntil, endpoint.Capacity.ExpectedAt) is var known && known > now ? known
            // From the start of the last one, so that one which took long to fail is followed at once.
            : isOnly ? _time.After(endpoint.LastFaultBeganAt, Min(FirstProbeSpacing * (1 << Math.Min(endpoint.FailedProbes, 5)), LongestProbeSpacing))
            : spaced;
    }

    private static TimeSpan Min(TimeSpan left, TimeSpan right) => left < right ? left : right;

    /// <summary>When an attempt that has not failed counts as admitted: after it would have been rejected, or would have failed as the last one did.</summary>
    private long AdmittedAt(Attempt attempt)
    {
        Health own = attempt.Endpoint.Health;
        Health resource = attempt.Endpoint.Resource.Health;
        return own.NeedsCompletion || resource.NeedsCompletion
            ? long.MaxValue
            : _time.After(attempt.StartedAt, Max(attempt.Endpoint.RejectionTime, 2 * Max(own.LastFaultTook, resource.LastFaultTook)));
    }

    private static TimeSpan Max(TimeSpan left, TimeSpan right) => left > right ? left : right;

    /// <summary>Says when each group must be looked at again, and sets the timer if anyone waits for it.</summary>
    private void RefreshEventsUnsynchronized(long now)
    {
        long due = long.MaxValue;
        foreach (Health health in _members.Healths)
        {
            due = health.Condition == Condition.Out ? Math.Min(due, health.OutUntil) : due;
        }

        foreach (Attempt attempt in _unadmitted)
        {
            due = Math.Min(due, AdmittedAt(attempt));
        }

        foreach (Endpoint endpoint in _members.Endpoints)
        {
            due = Math.Min(due, Math.Min(endpoint.Hints.NearUntil, endpoint.Capacity.NextChange(endpoint.RejectionTime)));
        }

        _nextSettle = due;
        long wake = long.MaxValue;
        foreach (EndpointGroup group in _members.Groups)
        {
            group.NextEvent = group.Line.Length > 0 ? long.MinValue : Math.Min(due, NextOfferUnsynchronized(group, now));
            if (group.Line.Length > 0)
            {
                wake = Math.Min(wake, Math.Min(due, ForcedProbe(group, now, out _)));
                wake = group.Line.Head!.Call is var head && Array.Exists(group.Endpoints, endpoint => endpoint.IsOpen && IsCrowded(endpoint, head, now))
                    ? Math.Min(wake, _time.After(now, CrowdSpacing))
                    : wake;
            }
        }

        wake = Math.Min(wake, MoveStuckUnsynchronized(now));
        if (wake != long.MaxValue)
        {
            TimeSpan delay = _time.Until(now, wake);
            _wake.Change(TimeSpan.FromMilliseconds(Math.Min(Math.Ceiling(delay.TotalMilliseconds), 3_600_000)), Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>At once, while an endpoint that may be asked is not simply fit; calls then look under the lock.</summary>
    private long NextOfferUnsynchronized(EndpointGroup group, long now)
    {
        long next = long.MaxValue;
        foreach (Endpoint offer in group.Offers)
        {
            if (offer.HasPermit)
            {
                next = Math.Min(next, group.Tier == int.MaxValue || offer.Condition != Condition.Probing ? long.MinValue : _budget.NextAt(now));
            }
        }

        foreach (Endpoint endpoint in group.Endpoints)
        {
            if (endpoint.SkippedUntil > now || (endpoint.IsOpen && (!endpoint.IsFit || endpoint.Capacity.IsLimited) && endpoint.Priority == group.Tier))
            {
                return long.MinValue;
            }
        }

        return next;
    }
}
