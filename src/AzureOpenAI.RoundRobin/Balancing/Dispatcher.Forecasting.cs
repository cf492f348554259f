using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing;

internal sealed partial class Dispatcher
{
    /// <summary>Further ahead nobody waits, and nobody plans.</summary>
    private static readonly TimeSpan Horizon = TimeSpan.FromHours(1);

    /// <summary>
    /// How long a newcomer would wait in the line: until the endpoints' windows have taken all that stand before it, where all of them are known;
    /// else by the pace at which the line moves. Null where neither says anything.
    /// </summary>
    private static TimeSpan? ForecastUnsynchronized(EndpointGroup group, long now)
    {
        int position = group.Line.Length + 1;
        foreach (Endpoint endpoint in group.Endpoints)
        {
            if (endpoint.IsMisconfigured)
            {
                continue;
            }

            if (!IsForeseeable(endpoint))
            {
                return group.Line.EstimateWait(now);
            }

            // A look for more may take a call's place in each window, and send it back to the head of the line.
            position += endpoint.Capacity.MayLook ? 1 : 0;
        }

        TimeSpan least = TimeSpan.Zero;
        TimeSpan most = Horizon;
        if (TakenWithin(group, most, now) < position)
        {
            return group.Line.EstimateWait(now);
        }

        while (most - least > TimeSpan.FromMilliseconds(10))
        {
            TimeSpan middle = (least + most) / 2;
            (least, most) = TakenWithin(group, middle, now) < position ? (middle, most) : (least, middle);
        }

        return most;
    }

    /// <summary>Open and at its limit, or out by a rejection until it opens again; and it is known how much it takes.</summary>
    private static bool IsForeseeable(Endpoint endpoint) =>
        endpoint.Capacity.IsForeseeable
        && endpoint.Resource.Health.Condition == Condition.Fit
        && ((endpoint.Capacity.IsLimited && endpoint.Health.Condition == Condition.Fit) || endpoint.Health is { Condition: Condition.Out, Reason: OutcomeKind.RateLimited });

    private static double TakenWithin(EndpointGroup group, TimeSpan time, long now)
    {
        double taken = 0;
        foreach (Endpoint endpoint in group.Endpoints)
        {
            taken += endpoint.IsMisconfigured ? 0 : endpoint.Capacity.TakenWithin(time, endpoint.OutUntil, now);
        }

        return taken;
    }
}
