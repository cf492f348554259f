using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing.Queueing;

/// <summary>
/// How long a newcomer would wait in the queue: until the endpoints' windows have taken all calls before it, where all windows are known; else by the pace of the
/// queue.
/// </summary>
internal static class QueueForecast
{
    /// <summary>No call waits longer.</summary>
    private static readonly TimeSpan Horizon = TimeSpan.FromHours(1);

    private static readonly TimeSpan Precision = TimeSpan.FromMilliseconds(10);

    /// <returns>Null where neither the windows nor the pace say anything.</returns>
    public static TimeSpan? Of(Picker picker, long now)
    {
        int position = picker.Queue.Length + 1;
        foreach (Endpoint endpoint in picker.Endpoints)
        {
            if (endpoint.Health.IsMisconfigured)
            {
                continue;
            }

            if (!IsForeseeable(endpoint))
            {
                return picker.Queue.EstimateWait(now);
            }

            // A probe above the learned limit may take a call's place in each window, and send the call back to the head of the queue.
            position += endpoint.Capacity.MayLook ? 1 : 0;
        }

        TimeSpan least = TimeSpan.Zero;
        TimeSpan most = Horizon;
        if (TakenWithin(picker, most, now) < position)
        {
            return picker.Queue.EstimateWait(now);
        }

        while (most - least > Precision)
        {
            TimeSpan middle = (least + most) / 2;
            (least, most) = TakenWithin(picker, middle, now) < position ? (middle, most) : (least, middle);
        }

        return most;
    }

    /// <summary>At its limit, or unavailable by a rejection until it takes calls again; and it is known how many it takes.</summary>
    private static bool IsForeseeable(Endpoint endpoint) =>
        endpoint.Capacity.IsForeseeable
        && endpoint.Health.Resource.State == EndpointState.Healthy
        && ((endpoint.Capacity.IsLimited && endpoint.Health.Deployment.State == EndpointState.Healthy)
            || endpoint.Health.Deployment is { State: EndpointState.Unavailable, Reason: OutcomeKind.RateLimited });

    private static double TakenWithin(Picker picker, TimeSpan time, long now)
    {
        double taken = 0;
        foreach (Endpoint endpoint in picker.Endpoints)
        {
            taken += endpoint.Health.IsMisconfigured ? 0 : endpoint.Capacity.TakenWithin(time, endpoint.Health.UnavailableUntil, now);
        }

        return taken;
    }
}
