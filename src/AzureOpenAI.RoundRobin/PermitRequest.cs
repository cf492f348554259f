using System.Diagnostics.CodeAnalysis;

namespace AzureOpenAI.RoundRobin;

/// <summary>Represents what one process asks for: permits to start calls at deployments whose limits all processes share.</summary>
[Experimental("AOAIRR001")]
public sealed class PermitRequest
{
    /// <summary>Gets the deployments that the wishes name, at most 16.</summary>
    public required IReadOnlyList<PermitLimit> Limits { get; init; }

    /// <summary>Gets what is wished, for at most 64 permits in all. It is granted in this order.</summary>
    public required IReadOnlyList<PermitWish> Wishes { get; init; }
}
