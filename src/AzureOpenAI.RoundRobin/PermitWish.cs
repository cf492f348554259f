using System.Diagnostics.CodeAnalysis;

namespace AzureOpenAI.RoundRobin;

/// <summary>Represents a wish for permits of one kind, each at whichever of some deployments can take a call first.</summary>
[Experimental("AOAIRR001")]
public sealed class PermitWish
{
    /// <summary>Gets the deployments that will do, as places in <see cref="PermitRequest.Limits"/>. Of those that are alike the first is granted first.</summary>
    public required IReadOnlyList<int> Of { get; init; }

    /// <summary>Gets how many.</summary>
    public required int Count { get; init; }

    /// <summary>Gets the tokens of each.</summary>
    public long Tokens { get; init; }

    /// <summary>Gets the longest time from now to a start. What would start later is not granted.</summary>
    public TimeSpan Within { get; init; }

    /// <summary>Gets for how long after its start a permit is kept. It counts from the end of that time, so that no call that starts meanwhile exceeds the limit.</summary>
    public TimeSpan Hold { get; init; }

    /// <summary>Gets whether no call waits for it. Such a permit is granted only if it may start now and leaves a quarter of the limit, and at least one call, to the others; at a pace only where the line has been idle for a quarter of a second, and for one call.</summary>
    public bool IsAhead { get; init; }
}
