using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Queueing;

/// <summary>Which calls are queued for their model, which are refused, and in which order they are released.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class Admission(TimeProvider time, Action<Waiter>? resume = null)
{
    /// <summary>A newcomer is queued if its forecast wait is within this part of what it may wait: most forecasts are a little short, and a call must not wait for nothing.</summary>
    private const double Margin = 0.95;

    private readonly QueueForecast _forecast = new(time);

    /// <summary>No newcomer overtakes queued calls. A call that was released and failed returns to its place, in front of those behind it.</summary>
    public static bool IsFirst(PickRequest request) => request.Picker.Queue.Head is not { } head || request.Ticket < head.Ticket;

    /// <summary>
    /// Refuses a call that would wait longer than it may, for the soonest time that the endpoints stated or for the calls before it; and a newcomer to a queue that is full.
    /// </summary>
    /// <returns>Null where the call may be queued.</returns>
    public PickResult? Refuse(PickRequest request, long now)
    {
        TimeSpan patience = request.Patience;
        TimeSpan stated = time.Until(now, SoonestAt(request.Picker, now));
        TimeSpan queued = (request.HasQueued ? null : _forecast.Of(request.Picker, now)) ?? TimeSpan.Zero;
        bool isInTime = stated <= patience && queued <= Margin * patience && patience != TimeSpan.Zero;
        if (isInTime && (request.HasQueued || request.Picker.Queue.Length < request.MaxWaiting))
        {
            return null;
        }

        TimeSpan wait = Timestamps.Max(stated, queued);
        return PickResult.Refused(isInTime ? Refusal.QueueFull : Refusal.BeyondPatience, wait > TimeSpan.Zero ? wait : null);
    }

    /// <summary>Puts the call into the queue: a newcomer at the end, a call that was released and failed at its old place.</summary>
    public Waiter Enqueue(PickRequest request, long now)
    {
        WaitQueue queue = request.Picker.Queue;
        if (!request.HasQueued)
        {
            request.Ticket = queue.DrawTicket();
        }
        else if (request.MadePace)
        {
            queue.CountReturned();
        }

        Waiter waiter = new(request, request.Ticket, time.After(now, request.Patience), resume);
        queue.Enqueue(waiter, now);
        return waiter;
    }

    /// <summary>Releases calls from the head of the queue while an endpoint takes them, then refuses those that no endpoint will take in time.</summary>
    /// <param name="picker">The model's endpoints.</param>
    /// <param name="take">Begins an attempt for the call, if an endpoint takes it.</param>
    /// <param name="now">The present.</param>
    public static void Release(Picker picker, Func<PickRequest, long, Attempt?> take, long now)
    {
        WaitQueue queue = picker.Queue;
        while (queue.Head is { } head && take(head.Request, now) is { } attempt)
        {
            queue.Remove(head);
            // A probe of a faulty endpoint does not count for the pace: the end of a fault cannot be forecast.
            head.Request.MadePace = !attempt.Endpoint.Health.IsProbedForFault;
            if (head.Request.MadePace)
            {
                queue.CountReleased(now);
            }

            head.TryEnd(attempt);
        }

        if (queue.Length > 0 && SoonestAt(picker, now) is var soonest && soonest > now)
        {
            Dismiss(picker, soonest);
        }
    }

    /// <summary>Ends the wait of the calls that may not wait any longer.</summary>
    /// <param name="picker">The model's endpoints.</param>
    /// <param name="take">Begins an attempt for such a call, if an endpoint takes it all the same.</param>
    /// <param name="now">The present.</param>
    public static void RunOut(Picker picker, Func<PickRequest, long, Attempt?> take, long now)
    {
        while (picker.Queue.LeastPatient is { } waiter && waiter.Deadline <= now)
        {
            picker.Queue.Remove(waiter);
            waiter.TryEnd(take(waiter.Request, now));
        }
    }

    /// <summary>Refuses the queued calls whose wait ends before <paramref name="soonest"/>.</summary>
    public static void Dismiss(Picker picker, long soonest)
    {
        while (picker.Queue.LeastPatient is { } waiter && waiter.Deadline < soonest)
        {
            picker.Queue.Remove(waiter);
            waiter.TryEnd(null);
        }
    }

    /// <summary>The result for a call that was refused while it was queued.</summary>
    public PickResult Dismissed(Picker picker, long now)
    {
        long soonest = SoonestAt(picker, now);
        return picker.Endpoints.Length == 0 ? PickResult.Refused(Refusal.Gone)
            : soonest == long.MaxValue ? PickResult.Refused(Refusal.Misconfigured)
            : PickResult.Refused(Refusal.BeyondPatience, soonest > now ? time.Until(now, soonest) : null);
    }

    /// <summary>For a call that every healthy endpoint has failed: it pauses for 0.5, 1, 2 and then 4 s before it asks them again; less where another is ready sooner.</summary>
    public PickResult Pause(in PickFilter filter)
    {
        PickRequest request = filter.Request;
        if (request.HasLeftAny && !HasOther(filter))
        {
            return PauseForOthers(request, filter.Now);
        }

        TimeSpan pause = request.NextPause;
        foreach (Endpoint endpoint in request.Picker.Endpoints)
        {
            if (!request.HasTried(endpoint) && ReadyAt(endpoint) is var due && due > filter.Now && !endpoint.Health.IsMisconfigured)
            {
                pause = Timestamps.Min(time.Until(filter.Now, due), pause);
            }
        }

        return pause <= request.Patience ? PickResult.After(pause) : PickResult.Refused(Refusal.BeyondPatience, pause);
    }

    /// <summary>Whether the call may go to another available endpoint than those that would say the same again.</summary>
    private static bool HasOther(in PickFilter filter)
    {
        foreach (Endpoint endpoint in filter.Request.Picker.Endpoints)
        {
            if (!filter.Request.HasLeft(endpoint) && endpoint.Health.IsAvailable && filter.Allows(endpoint))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The available endpoints would say the same again: the call waits for the first of the others, and not at all where there are none.</summary>
    private PickResult PauseForOthers(PickRequest request, long now)
    {
        TimeSpan? pause = null;
        foreach (Endpoint endpoint in request.Picker.Endpoints)
        {
            if (!request.HasLeft(endpoint) && !endpoint.Health.IsMisconfigured)
            {
                long due = ReadyAt(endpoint);
                TimeSpan ready = due > now ? time.Until(now, due) : request.NextPause;
                pause = pause < ready ? pause : ready;
            }
        }

        return pause <= request.Patience ? PickResult.After(pause.Value) : PickResult.Refused(Refusal.BeyondPatience, pause);
    }

    private static long ReadyAt(Endpoint endpoint) => Math.Max(endpoint.Health.UnavailableUntil, endpoint.Capacity.PausedUntil);

    /// <summary>The soonest time that an endpoint has stated, or at which it is permitted to take a call; now where there is none; long.MaxValue where all are misconfigured.</summary>
    private static long SoonestAt(Picker picker, long now)
    {
        long soonest = long.MaxValue;
        foreach (Endpoint endpoint in picker.Endpoints)
        {
            if (!endpoint.Health.IsMisconfigured)
            {
                soonest = Math.Min(soonest, Math.Max(now, Math.Max(endpoint.RetryAfterUntil, endpoint.Capacity.PermittedAt(now))));
            }
        }

        return soonest;
    }
}
