using System.ClientModel.Primitives;
using System.Text.Json;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>One classified failure: the only thing that the loop and the endpoints' state look at.</summary>
internal readonly struct AttemptOutcome(
    OutcomeKind kind, Exception exception, int status = 0, TimeSpan? hint = null, PipelineResponse? response = null, bool exhaustsResource = false, bool mayBeEndpoints = false)
{
    /// <summary>A longer hint means that the request exceeds the limit, or that the quota is used up; it is not a time to retry at.</summary>
    public static readonly TimeSpan LongestHint = TimeSpan.FromMinutes(5);

    public OutcomeKind Kind { get; } = kind;

    public Exception Exception { get; } = exception;

    /// <summary>The HTTP status; 0 where there was none.</summary>
    public int Status { get; } = status;

    /// <summary>The time that the endpoint stated in its headers; only with 429 and 503.</summary>
    public TimeSpan? Hint { get; } = hint;

    public PipelineResponse? Response { get; } = response;

    /// <summary>Neither this deployment nor the one that it spills over to has capacity.</summary>
    public bool ExhaustsResource { get; } = exhaustsResource;

    /// <summary>With <see cref="OutcomeKind.Request"/>: the endpoint may be at fault instead, so one other is asked.</summary>
    public bool MayBeEndpoints { get; } = mayBeEndpoints;

    /// <summary>The endpoint refuses its key, or has no such deployment; or the request is blocked on the way, or names something that is not there.</summary>
    public bool IsOfConfiguration => Kind is OutcomeKind.CredentialRefused or OutcomeKind.MissingDeployment;

    /// <summary>The answer was read whole, and the SDK does not understand it: another endpoint that says the same makes it the request's.</summary>
    public bool IsNotUnderstood => Kind == OutcomeKind.BrokenAnswer && Exception is not (JsonException or IOException or HttpRequestException or FormatException);

    /// <summary>The estimate of this one request may exceed the whole limit of the deployment.</summary>
    public bool MayExceedLimit => Kind == OutcomeKind.RateLimited && Hint > LongestHint;

    /// <summary>The stated time for which the endpoint must not be asked, if it is at most 5 minutes.</summary>
    public TimeSpan? RetryAfter => Hint <= LongestHint ? Hint : null;

    /// <summary>Whether another endpoint may succeed.</summary>
    public bool MayFailOver => Kind > OutcomeKind.Request;
}
