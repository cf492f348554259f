using System.ClientModel.Primitives;
using System.Text.Json;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>One classified failure: the only thing that the loop and the endpoints' state look at.</summary>
internal readonly struct AttemptOutcome(
    OutcomeKind kind, Exception exception, int status = 0, TimeSpan? hint = null, PipelineResponse? response = null, bool exhaustsResource = false, bool mayBeEndpoints = false)
{
    /// <summary>A hint beyond this speaks of the request or of a dead quota, not of a pause.</summary>
    public static readonly TimeSpan LongestHint = TimeSpan.FromMinutes(5);

    public OutcomeKind Kind { get; } = kind;

    public Exception Exception { get; } = exception;

    /// <summary>The HTTP status; 0 where there was none.</summary>
    public int Status { get; } = status;

    /// <summary>How long the endpoint asked to be left alone. Only ever set on 429 and 503.</summary>
    public TimeSpan? Hint { get; } = hint;

    public PipelineResponse? Response { get; } = response;

    /// <summary>Not this deployment alone has no capacity, but also the one that would have taken over at its resource.</summary>
    public bool ExhaustsResource { get; } = exhaustsResource;

    /// <summary>With <see cref="OutcomeKind.Request"/>: the endpoint may be at fault instead, so one other is asked.</summary>
    public bool MayBeEndpoints { get; } = mayBeEndpoints;

    /// <summary>The endpoint refuses its key, or has no such deployment; or the request is blocked on the way, or names something that is not there.</summary>
    public bool IsOfConfiguration => Kind is OutcomeKind.CredentialRefused or OutcomeKind.MissingDeployment;

    /// <summary>The answer was read whole, and the SDK does not understand it: another endpoint that says the same makes it the request's.</summary>
    public bool IsNotUnderstood => Kind == OutcomeKind.BrokenAnswer && Exception is not (JsonException or IOException or HttpRequestException or FormatException);

    /// <summary>The estimate of this one request may exceed the whole limit of the deployment.</summary>
    public bool MayExceedLimit => Kind == OutcomeKind.RateLimited && Hint > LongestHint;

    /// <summary>The time for which the endpoint must not be asked, if it named a credible one.</summary>
    public TimeSpan? RetryAfter => Hint <= LongestHint ? Hint : null;

    /// <summary>Whether another endpoint may do better.</summary>
    public bool MayFailOver => Kind > OutcomeKind.Request;
}
