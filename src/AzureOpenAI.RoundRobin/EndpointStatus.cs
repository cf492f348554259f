using System.Globalization;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Represents the state and counts of one endpoint at the moment of <see cref="EndpointPool.GetStatus"/>. Immutable; never holds a key.
/// </summary>
public sealed class EndpointStatus
{
    internal EndpointStatus(string name) => Name = name;

    /// <summary>Gets the endpoint's name.</summary>
    public string Name { get; }

    /// <summary>Gets the deployment, or <see langword="null"/> for a ready-made client that names none.</summary>
    public string? DeploymentName { get; internal init; }

    /// <summary>
    /// Gets the service tier, such as <c>flex</c>, or <see langword="null"/> for the standard one. A deployment has an entry for each tier that calls have asked for, whose name ends
    /// in the tier: it has limits, and so a state, of its own.
    /// </summary>
    public string? ServiceTier { get; internal init; }

    /// <summary>Gets the state: whether it takes calls.</summary>
    public EndpointState State { get; internal init; }

    /// <summary>Gets why it is not healthy, or <see langword="null"/> if it is <see cref="EndpointState.Healthy"/>.</summary>
    public EndpointFailureReason? Reason { get; internal init; }

    /// <summary>Gets who found the reason: "another process", told over a backplane; <see langword="null"/> where this pool found it by its own calls, or it is healthy.</summary>
    public string? ToldBy { get; internal init; }

    /// <summary>Gets the time until it takes calls again, or <see langword="null"/> if it is not <see cref="EndpointState.Unavailable"/>.</summary>
    public TimeSpan? ReadyIn { get; internal init; }

    /// <summary>Gets the number of attempts that wait for an answer there, open streams included. One that completes synchronously is counted in the status that its own thread reads, as long as that thread calls one pool.</summary>
    public int InFlight { get; internal init; }

    /// <summary>Gets the number of attempts that it answered.</summary>
    public long Answered { get; internal init; }

    /// <summary>Gets the number of attempts whose failure counts against it, including <see cref="RateLimited"/> ones.</summary>
    public long Failed { get; internal init; }

    /// <summary>Gets the number of attempts that it rejected because of its limits.</summary>
    public long RateLimited { get; internal init; }

    /// <summary>
    /// Gets the sum of the input tokens that its answers reported, cached ones included. Calls, streams and embeddings are counted, whatever the client; the tokens of operations of
    /// <c>EndpointPool.InvokeAsync</c> are not known.
    /// </summary>
    public long InputTokens { get; internal init; }

    /// <summary>Gets the sum of the output tokens that its answers reported.</summary>
    public long OutputTokens { get; internal init; }

    /// <summary>Gets how many of <see cref="InputTokens"/> came from the service's prompt cache.</summary>
    public long CachedInputTokens { get; internal init; }

    /// <summary>Gets the last failed attempt, or <see langword="null"/> if none has failed.</summary>
    public EndpointAttempt? LastError { get; internal init; }

    /// <summary>Why it is not healthy, in words for people, or null; the last failure says more where it is the reason.</summary>
    internal string? What => Reason is not { } reason ? null : LastError?.Reason == reason ? LastError.What : OutcomeNames.Prose(reason);

    /// <summary>Returns the state in one line.</summary>
    /// <returns>A description without keys.</returns>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"'{Name}'{(DeploymentName is null ? "" : $" deployment '{DeploymentName}'")} {State}{(What is { } what ? $" ({what}{(ToldBy is null ? "" : $", told by {ToldBy}")})" : "")}"
        + $"{(ReadyIn is { } wait ? $" for {wait.TotalSeconds:0.###} s" : "")}, {InFlight} in flight, {Answered} answered, {Failed} failed");
}
