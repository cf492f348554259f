using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing.Queueing;

/// <summary>
/// How long a newcomer would wait in the queue. Where the windows of all endpoints are known: until they have taken all calls before it; else by the pace of the queue.
/// </summary>
internal static class QueueForecast
{
    /// <summary>A longer wait is not forecast by windows.</summary>
    private static readonly TimeSpan Horizon = TimeSpan.FromHours(1);

    private static readonly TimeSpan Precision = TimeSpan.FromMilliseconds(10);

    /// <returns>Null where neither windows nor pace give a forecast.</returns>
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

            // A call that probes above the learned limit may be rejected in each window, and return to the head of the queue.
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

    /// <summary>It is at its limit, or unavailable after a rejection; and the number of calls that it takes is known.</summary>
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
