using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing;

internal sealed partial class Dispatcher
{
    /// <summary>The call has given up its place. False if it was released in the same moment.</summary>
    public bool Leave(EndpointGroup group, Waiter waiter)
    {
        lock (_lock)
        {
            return group.Line.Leave(waiter);
        }
    }

    /// <summary>The call's patience is over. It goes without an attempt, unless nothing but an estimate of its tokens holds it back.</summary>
    public void RunOut(EndpointGroup group, Waiter waiter)
    {
        Attempt? attempt = null;
        lock (_lock)
        {
            if (!group.Line.Leave(waiter))
            {
                return;
            }

            if (!_disposed && waiter.Call.Tokens.IsCharged)
            {
                long now = _time.GetTimestamp();
                SettleUnsynchronized(now);
                waiter.Call.IgnoresTokenLimits = true;
                attempt = TakeUnsynchronized(group, waiter.Call, retry: true, now);
                RefreshEventsUnsynchronized(now);
            }
        }

        waiter.TrySetResult(attempt);
        FinishOutside();
    }

    /// <summary>What a call is told that was sent away from the line.</summary>
    public Pick Dismissed(EndpointGroup group)
    {
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            long soonest = SoonestStatedUnsynchronized(group, now);
            return group.Endpoints.Length == 0 ? Pick.Refused(Refusal.Gone)
                : soonest == long.MaxValue ? Pick.Refused(Refusal.Misconfigured)
                : Pick.Refused(Refusal.BeyondPatience, soonest > now ? _time.Until(now, soonest) : null);
        }
    }

    /// <summary>Half a second before the same endpoint is asked the same again, then twice as long; less where another is ready sooner.</summary>
    private Pick PauseUnsynchronized(EndpointGroup group, Call call, TimeSpan patience, long now)
    {
        if (call.TooLargeFor is { } refuser && Array.TrueForAll(group.Endpoints, endpoint => endpoint == refuser || !endpoint.IsOpen || !IsFree(endpoint, call, retry: true, now)))
        {
            return PauseForOthersUnsynchronized(group, call, refuser, patience, now);
        }

        TimeSpan pause = call.NextPause();
        foreach (Endpoint endpoint in group.Endpoints)
        {
            if (!call.HasTried(endpoint) && Math.Max(endpoint.OutUntil, endpoint.SkippedUntil) is var due && due > now && !endpoint.IsMisconfigured)
            {
                TimeSpan ready = _time.Until(now, due);
                pause = ready < pause ? ready : pause;
            }
        }

        return pause <= patience ? Pick.After(pause) : Pick.Refused(Refusal.BeyondPatience, pause);
    }

    /// <summary>The only endpoint that is fit will not take this request: waits for the first of the others, and not at all where there are none.</summary>
    private Pick PauseForOthersUnsynchronized(EndpointGroup group, Call call, Endpoint refuser, TimeSpan patience, long now)
    {
        TimeSpan? pause = null;
        foreach (Endpoint endpoint in group.Endpoints)
        {
            if (endpoint != refuser && !endpoint.IsMisconfigured)
            {
                long due = Math.Max(endpoint.OutUntil, endpoint.SkippedUntil);
                TimeSpan ready = due > now ? _time.Until(now, due) : call.NextPause();
                pause = pause < ready ? pause : ready;
            }
        }

        return pause <= patience ? Pick.After(pause.Value) : Pick.Refused(Refusal.BeyondPatience, pause);
    }

    private Pick JoinUnsynchronized(EndpointGroup group, Call call, TimeSpan patience, long now)
    {
        TimeSpan wait = _time.Until(now, SoonestStatedUnsynchronized(group, now));
        TimeSpan inLine = (call.Ticket == long.MaxValue ? ForecastUnsynchronized(group, now) : null) ?? TimeSpan.Zero;
        if (wait > patience || inLine > (group.Line.HasStood(now) ? patience / 2 : patience) || patience == TimeSpan.Zero)
        {
            wait = wait > inLine ? wait : inLine;
            return Pick.Refused(Refusal.BeyondPatience, wait > TimeSpan.Zero ? wait : null);
        }

        if (call.Ticket == long.MaxValue)
        {
            call.Ticket = group.Line.DrawTicket();
        }
        else if (call.MadePace)
        {
            group.Line.CountReturned();
        }

        foreach (Endpoint endpoint in group.Endpoints)
        {
            if (endpoint.SkippedUntil > now)
            {
                // Calls that wait for a short pause are let go one by one when it ends, as after a long one.
                RejectedUnsynchronized(endpoint, endpoint.SkippedUntil, now);
                endpoint.Health.Rest(endpoint.SkippedUntil, ++_generation, now);
                endpoint.SkippedUntil = long.MinValue;
            }
        }

        Waiter waiter = new(call, call.Ticket, _time.After(now, patience));
        group.Line.Join(waiter, now);
        _dirty = true;
        SettleUnsynchronized(now);
        return Pick.InLine(waiter);
    }

    /// <summary>The soonest moment that no endpoint has ruled out. Where one is out for a fault nobody has named a time, so that is now.</summary>
    private static long SoonestStatedUnsynchronized(EndpointGroup group, long now)
    {
        long soonest = long.MaxValue;
        foreach (Endpoint endpoint in group.Endpoints)
        {
            if (!endpoint.IsMisconfigured)
            {
                soonest = Math.Min(soonest, Math.Max(now, endpoint.StatedUntil));
            }
        }

        return soonest;
    }
}
