using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>Where calls go that do not simply take their turn, and who hears of it. Most have none, which is one look for a call.</summary>
internal sealed class CallDirection
{
    /// <summary>A picker of the endpoint that the call begins at if that takes it at once; null where it takes its turn.</summary>
    public Picker? Preferred { get; init; }

    /// <summary>The endpoint of a call that is no new work: it is asked at once, whatever its state; null for other calls.</summary>
    public Endpoint? Polled { get; init; }

    /// <summary>Told of the endpoint that answers; null where nobody wants to know.</summary>
    public Action<Endpoint>? Answered { get; init; }
}
