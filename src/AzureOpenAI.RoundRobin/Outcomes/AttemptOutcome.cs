using System.ClientModel.Primitives;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>One classified failure. The loop and the endpoints' state go by this, and never by the exception.</summary>
internal readonly struct AttemptOutcome(OutcomeKind kind, Exception exception, int status = 0, TimeSpan? hint = null, PipelineResponse? response = null, bool exhaustsResource = false)
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

    /// <summary>This one request may exceed the whole limit of the deployment.</summary>
    public bool MayExceedLimit => Kind == OutcomeKind.RateLimited && Hint > LongestHint;

    /// <summary>The stated time for which the endpoint must not be asked, if it is at most 5 minutes.</summary>
    public TimeSpan? RetryAfter => Hint <= LongestHint ? Hint : null;

    /// <summary>Whether another endpoint may succeed.</summary>
    public bool MayFailOver => Kind > OutcomeKind.Request;
}
