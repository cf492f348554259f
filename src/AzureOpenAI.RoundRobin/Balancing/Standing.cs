using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>The facts about an endpoint, after one of its attempts has failed, by which <see cref="EjectionPolicy"/> decides.</summary>
internal readonly record struct Standing
{
    /// <summary>The attempt is from before the last ejection.</summary>
    public bool IsLate { get; init; }

    /// <summary>The endpoint stated more than 5 minutes to this request, and did not to a different one before.</summary>
    public bool IsSuspectRequest { get; init; }

    public bool IsHealthy { get; init; }

    public bool IsAvailable { get; init; }

    /// <summary>It is the only endpoint of every model that it answers.</summary>
    public bool IsAlone { get; init; }

    /// <summary>For every model that it answers, no other endpoint is available.</summary>
    public bool IsLastAvailable { get; init; }

    /// <summary>The same without the other deployments of its resource, since they fail with it.</summary>
    public bool IsLastAvailableResource { get; init; }

    /// <summary>It has answered since its key, address and deployment were set.</summary>
    public bool HasAnswered { get; init; }

    /// <summary>Its resource answers some calls and fails others.</summary>
    public bool IsIntermittent { get; init; }

    /// <summary>Calls are queued that it could answer.</summary>
    public bool IsAwaited { get; init; }

    public static Standing Of(PoolMembers members, Endpoint endpoint, in AttemptOutcome outcome, bool isLate, bool isSuspectRequest) => new()
    {
        IsLate = isLate,
        IsSuspectRequest = isSuspectRequest,
        IsHealthy = endpoint.Health.IsHealthy,
        IsAvailable = endpoint.Health.IsAvailable,
        IsAlone = members.IsAlone(endpoint),
        IsLastAvailable = members.IsLastAvailable(endpoint, besidesItsResource: false),
        IsLastAvailableResource = members.IsLastAvailable(endpoint, besidesItsResource: true),
        HasAnswered = members.HasAnswered(endpoint, outcome.Kind),
        IsIntermittent = endpoint.Health.Resource.IsIntermittent,
        IsAwaited = members.IsAwaited(endpoint),
    };
}
