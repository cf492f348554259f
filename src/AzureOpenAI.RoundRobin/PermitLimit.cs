using System.Diagnostics.CodeAnalysis;

namespace AzureOpenAI.RoundRobin;

/// <summary>Represents the limits of one deployment, and what the process that asks has to say of it.</summary>
[Experimental("AOAIRR001")]
public sealed class PermitLimit
{
    /// <summary>Gets the deployment.</summary>
    public required EndpointId Id { get; init; }

    /// <summary>Gets how many calls may start within any span of <see cref="RequestPeriod"/>; 0 where that is not limited.</summary>
    public int Requests { get; init; }

    /// <summary>Gets the time for which a start counts.</summary>
    public TimeSpan RequestPeriod { get; init; }

    /// <summary>Gets how many tokens may start within any span of <see cref="TokenPeriod"/>; 0 where that is not limited.</summary>
    public long Tokens { get; init; }

    /// <summary>Gets the time for which tokens count.</summary>
    public TimeSpan TokenPeriod { get; init; }

    /// <summary>Gets the priority of the endpoint: of deployments with room at the same time the one with the lowest number is granted.</summary>
    public int Priority { get; init; }

    /// <summary>Gets the time from now before which it takes no calls, such as the rest of a pause that it has stated.</summary>
    public TimeSpan NotBefore { get; init; }

    /// <summary>Gets how many calls this process has started without a permit since it was answered last. They count from now.</summary>
    public int TakenRequests { get; init; }

    /// <summary>Gets how many tokens this process has started without a permit.</summary>
    public long TakenTokens { get; init; }
}
