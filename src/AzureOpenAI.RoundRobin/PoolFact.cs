using System.Diagnostics.CodeAnalysis;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Represents what one pool has found about a deployment, a resource or a key of one. It holds no address, name, key or prompt.
/// </summary>
/// <remarks>A pool checks the range of every value that it receives, and ignores facts about what it does not have.</remarks>
[Experimental("AOAIRR001")]
public readonly record struct PoolFact
{
    /// <summary>Gets what the fact is about.</summary>
    public required EndpointId Id { get; init; }

    /// <summary>Gets what has happened.</summary>
    public required PoolFactKind Kind { get; init; }

    /// <summary>Gets why the endpoint was ejected.</summary>
    public EndpointFailureReason Reason { get; init; }

    /// <summary>
    /// Gets for how long from now it takes no calls, at most 5 minutes. A backplane takes off the time that the fact was on its way, where it knows it. Of an endpoint that is
    /// silent or answering, how long ago the call began that says so.
    /// </summary>
    public TimeSpan For { get; init; }

    /// <summary>Gets whether the endpoint itself stated that time.</summary>
    public bool IsStated { get; init; }

    /// <summary>Gets how much the calls that a silent endpoint holds speak against it: the negative logarithm of the chance that they are merely long.</summary>
    public double Evidence { get; init; }

    /// <summary>Gets how many calls that began after the oldest of them the other endpoints have answered.</summary>
    public int Answered { get; init; }

    /// <summary>Gets the number of this ejection among those of the same <see cref="Id"/>, from 1. A recovery has the number of the ejection that it ends, and a probe of the one that it may end.</summary>
    public required long Generation { get; init; }

    /// <summary>Gets the random id of the pool that tells it.</summary>
    public required Guid Source { get; init; }
}
