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

    /// <summary>Gets how many calls this process has started without a permit since it was answered last and within <see cref="RequestPeriod"/>. They count from now.</summary>
    public int TakenRequests { get; init; }

    /// <summary>Gets how many tokens this process has started without a permit, likewise within <see cref="TokenPeriod"/>.</summary>
    public long TakenTokens { get; init; }

    /// <summary>
    /// Gets the pace of all processes that this one knows, and null where no pace is asked for. Whose version is the highest is right, and all others take it; a backplane that knows none, since it has lost what it held, takes it
    /// from here.
    /// </summary>
    public PermitPace? Pace { get; init; }

    /// <summary>
    /// Gets whether <see cref="Pace"/> was changed by a rejection that this process has met since it heard of that version. If the version is still the latest, the change makes the next one; else the others have changed it
    /// already for the same pause, which may become longer.
    /// </summary>
    public bool IsPaceChanged { get; init; }

    /// <summary>Gets how many calls of this process were rejected since it was answered last, of those that were sent in the phase of the test that <see cref="Pace"/> names.</summary>
    public int Rejected { get; init; }

    /// <summary>Gets how many calls this process started in the second before it heard that there is a pace; 0 where it has said so before. The first rate is the sum of what all processes say within 2 s.</summary>
    public double Recent { get; init; }
}
