using System.ClientModel.Primitives;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>One classified failure: the only thing that the loop and the endpoints' state look at.</summary>
internal readonly struct AttemptOutcome(OutcomeKind kind, Exception exception, int status = 0, TimeSpan? hint = null, PipelineResponse? response = null, bool exhaustsResource = false)
{
    /// <summary>A hint beyond this speaks of the request or of a dead quota, not of a pause.</summary>
    public static readonly TimeSpan LongestHint = TimeSpan.FromMinutes(5);

    public OutcomeKind Kind { get; } = kind;

    public Exception Exception { get; } = exception;

    /// <summary>The HTTP status; 0 where there was none.</summary>
    public int Status { get; } = status;

    /// <summary>How long the endpoint asked to be left alone, on any status of 400 and more that is no request's fault; never on a 401 or 407.</summary>
    public TimeSpan? Hint { get; } = hint;

    public PipelineResponse? Response { get; } = response;

    /// <summary>A broken answer that was read whole, and is none that the SDK understands: the endpoint would give it again to the same request.</summary>
    public bool IsUnreadable { get; init; }

    /// <summary>The exception says nothing known. Whose fault it is another endpoint will show; the same would throw it again.</summary>
    public bool IsUnknown { get; init; }

    /// <summary>The endpoint would say the same again to the same request: the call does not go back to it.</summary>
    public bool WouldRepeat => MayExceedLimit || IsUnreadable || IsUnknown;

    /// <summary>Our own side let go of the connection under the call: it moves on, and nothing is noted against the endpoint.</summary>
    public bool IsNobodys { get; init; }

    /// <summary>Not this deployment alone has no capacity, but also the one that would have taken over at its resource.</summary>
    public bool ExhaustsResource { get; } = exhaustsResource;

    /// <summary>The estimate of this one request may exceed the whole limit of the deployment.</summary>
    public bool MayExceedLimit => IsForLong && Status is not (402 or 403);

    /// <summary>It stated a pause that is too long to be kept. Status 402 and 403 speak of a quota that is spent, and say nothing of the request.</summary>
    public bool IsForLong => Kind == OutcomeKind.RateLimited && Hint > LongestHint;

    /// <summary>The time for which the endpoint must not be asked, if it named a credible one.</summary>
    public TimeSpan? RetryAfter => Hint <= LongestHint ? Hint : null;

    /// <summary>Whether another endpoint may do better.</summary>
    public bool MayFailOver => Kind > OutcomeKind.Request;
}
