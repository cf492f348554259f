using System.Globalization;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Represents one attempt of a call that did not succeed. Immutable and safe for concurrent use; never holds a key.
/// </summary>
public sealed class EndpointAttempt
{
    internal EndpointAttempt(string endpointName, EndpointFailureReason reason, Exception exception)
    {
        EndpointName = endpointName;
        Reason = reason;
        Exception = exception;
    }

    /// <summary>Gets the name of the endpoint that was asked.</summary>
    public string EndpointName { get; }

    /// <summary>Gets the deployment that was asked for, or <see langword="null"/> for a ready-made client that names none.</summary>
    public string? DeploymentName { get; internal init; }

    /// <summary>Gets why the attempt failed.</summary>
    public EndpointFailureReason Reason { get; }

    /// <summary>Gets the HTTP status, or <see langword="null"/> where there was none.</summary>
    public int? Status { get; internal init; }

    /// <summary>Gets how long the attempt took.</summary>
    public TimeSpan Duration { get; internal init; }

    /// <summary>Gets the time after its answer before which the endpoint asked for no further call, or <see langword="null"/> if it stated none.</summary>
    public TimeSpan? RetryAfter { get; internal init; }

    /// <summary>Gets the exception that ended the attempt: the object that the SDK or the ready-made client threw.</summary>
    public Exception Exception { get; }

    /// <summary>The host's name could not be resolved.</summary>
    internal bool IsNameUnknown { get; private init; }

    /// <summary>What happened, in words for people; of an endpoint that was unreachable how.</summary>
    internal string What =>
        OutcomeNames.Prose(Reason) + (Reason == EndpointFailureReason.Unreachable && ConnectionFault.Describe(Exception) is { } how ? $", {how}" : "");

    internal static EndpointAttempt Of(string endpoint, string? deployment, in AttemptOutcome outcome, TimeSpan took) => new(endpoint, OutcomeNames.Reason(outcome.Kind), outcome.Exception)
    {
        DeploymentName = deployment,
        Status = outcome.Status == 0 ? null : outcome.Status,
        Duration = took,
        RetryAfter = outcome.Hint,
        IsNameUnknown = outcome.Kind == OutcomeKind.Unreachable && ConnectionFault.IsUnknownName(outcome.Exception),
    };

    /// <summary>Returns the endpoint and what happened there, in one line.</summary>
    /// <returns>A description without keys.</returns>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"'{EndpointName}' {What}{(Status is { } status ? $" ({status})" : "")}{(RetryAfter is { } wait ? $", asks to retry after {wait.TotalSeconds:0.###} s" : "")}");
}
