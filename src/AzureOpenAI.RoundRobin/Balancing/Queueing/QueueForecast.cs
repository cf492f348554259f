using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing.Queueing;

/// <summary>
/// How long a newcomer would wait in the queue: until the endpoints have taken all calls before it, each at its pace; by the pace at which the queue has moved, where it has for
/// a minute, or where the endpoints' paces are not known.
/// </summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class QueueForecast(TimeProvider time)
{
    private readonly List<(double From, double PerSecond)> _paces = [];

    /// <returns>Null where neither gives a forecast.</returns>
    public TimeSpan? Of(Picker picker, long now) => (picker.Queue.HasMovedForAMinute(now) ? null : ByPaces(picker, now)) ?? picker.Queue.EstimateWait(now);

    private TimeSpan? ByPaces(Picker picker, long now)
    {
        _paces.Clear();
        int calls = picker.Queue.Length;
        foreach (Endpoint endpoint in picker.Endpoints)
        {
            if (endpoint.Health.IsMisconfigured)
            {
                continue;
            }

            if (!IsForeseeable(endpoint) || endpoint.Capacity.PerSecond is not { } perSecond)
            {
                return null;
            }

            long from = Math.Max(endpoint.Health.UnavailableUntil, endpoint.Capacity.LineAt(endpoint.InFlight, now));
            _paces.Add((time.Until(now, from).TotalSeconds, perSecond));
            calls -= endpoint.Capacity.PermitsInHand(now);
        }

        return _paces.Count == 0 ? null : TimeSpan.FromSeconds(SecondsFor(Math.Max(0, calls), _paces));
    }

    /// <summary>It is healthy, or unavailable after a rejection. Not with a configured token limit, since the tokens of the next calls are not known.</summary>
    private static bool IsForeseeable(Endpoint endpoint) =>
        !endpoint.Capacity.HasTokenLimit
        && endpoint.Health.Resource.State == EndpointState.Healthy
        && endpoint.Health.Deployment is { State: EndpointState.Healthy } or { State: EndpointState.Unavailable, Reason: OutcomeKind.RateLimited };

    /// <summary>The seconds until endpoints that begin one after the other, each at its pace, have taken as many calls and have room for the next: the first goes when the first begins.</summary>
    private static double SecondsFor(int calls, List<(double From, double PerSecond)> paces)
    {
        paces.Sort();
        (double at, double perSecond, double left) = (0, 0, calls);
        foreach ((double from, double more) in paces)
        {
            if (perSecond > 0 && perSecond * (from - at) >= left)
            {
                break;
            }

            left -= perSecond * (from - at);
            (at, perSecond) = (from, perSecond + more);
        }

        return Math.Min(at + (left / perSecond), TimeSpan.FromDays(1).TotalSeconds);
    }
}
