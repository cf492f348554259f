using System.Diagnostics.CodeAnalysis;

namespace AzureOpenAI.RoundRobin;

/// <summary>Represents the answer to a <see cref="PermitRequest"/>.</summary>
/// <remarks>A pool checks the range of every value that it receives.</remarks>
[Experimental("AOAIRR001")]
public sealed class PermitReply
{
    /// <summary>Gets the reply that grants nothing and says that the process decides alone: it keeps its share of the limits by itself, and asks again later.</summary>
    public static PermitReply Alone { get; } = new() { Permits = [], NextIn = [], Granted = [] };

    /// <summary>Gets what is granted.</summary>
    public required IReadOnlyList<StartPermit> Permits { get; init; }

    /// <summary>Gets for each of <see cref="PermitRequest.Limits"/> the time from now to the next start that could be granted.</summary>
    public required IReadOnlyList<TimeSpan> NextIn { get; init; }

    /// <summary>
    /// Gets for each of <see cref="PermitRequest.Limits"/> how many calls, or tokens where only these are limited, were granted to all processes so far. From two replies a process
    /// knows its share. A number that falls says that counting has begun anew.
    /// </summary>
    public required IReadOnlyList<long> Granted { get; init; }

    /// <summary>Gets for each of <see cref="PermitRequest.Limits"/> the pace of all processes, and null where none was asked for. A backplane that keeps no paces leaves it empty, and each process keeps its own.</summary>
    public IReadOnlyList<PermitPace?> Paces { get; init; } = [];
}
