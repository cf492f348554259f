using System.Diagnostics.CodeAnalysis;

namespace AzureOpenAI.RoundRobin;

/// <summary>Represents the permission to start one call at a deployment, from a time on and for a while.</summary>
[Experimental("AOAIRR001")]
public sealed class StartPermit
{
    /// <summary>Gets the deployment, as its place in <see cref="PermitRequest.Limits"/>.</summary>
    public required int Limit { get; init; }

    /// <summary>Gets the time from the arrival of the reply to the start; less than zero where it lies in the past.</summary>
    public required TimeSpan In { get; init; }

    /// <summary>Gets for how long after <see cref="In"/> the call may start.</summary>
    public required TimeSpan For { get; init; }

    /// <summary>Gets the tokens that go with it.</summary>
    public long Tokens { get; init; }

    /// <summary>Gets its place in the line of a <see cref="PermitPace"/>, in calls: it starts when the line has moved on to there, and <see cref="In"/> says when that is as things are.</summary>
    public double Place { get; init; }
}
