using System.ClientModel.Primitives;

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

    /// <summary>How long the endpoint asked to be left alone, on any status of 400 and more that is no request's fault; never on a 401 or 407.</summary>
    public TimeSpan? Hint { get; } = hint;

    /// <summary>The hint is the time until a counter at 0 is reset.</summary>
    public bool HintIsReset { get; init; }

    /// <summary>The rejection says that tokens are scarce, not requests.</summary>
    public bool NamesTokens { get; init; }

    /// <summary>A rejection that may be for too many calls in flight: no service names that limit.</summary>
    public bool MayBeOfCallsInFlight => Kind == OutcomeKind.RateLimited && !NamesTokens;

    public PipelineResponse? Response { get; } = response;

    /// <summary>A broken answer that was read whole, and is none that the SDK understands: the endpoint would give it again to the same request.</summary>
    public bool IsUnreadable { get; init; }

    /// <summary>A broken answer that broke off on its way: the same endpoint may give it whole the next time.</summary>
    public bool IsBrokenOff { get; init; }

    /// <summary>The exception says nothing known. Whose fault it is another endpoint will show; the same would throw it again.</summary>
    public bool IsUnknown { get; init; }

    /// <summary>The endpoint would say the same again to the same request: the call does not go back to it.</summary>
    public bool WouldRepeat => MayExceedLimit || IsUnreadable || IsUnknown;

    /// <summary>Our own side let go of the connection under the call: it moves on, and nothing is noted against the endpoint.</summary>
    public bool IsNobodys { get; init; }

    /// <summary>Not this deployment alone has no capacity, but also the one that would have taken over at its resource.</summary>
    public bool ExhaustsResource { get; } = exhaustsResource;

    /// <summary>With <see cref="OutcomeKind.Request"/>: the endpoint may be at fault instead, so one other is asked.</summary>
    public bool MayBeEndpoints { get; } = mayBeEndpoints;

    /// <summary>With <see cref="MayBeEndpoints"/>: the prompt is too long for the model, so that only another deployment may take it, and the endpoint is well.</summary>
    public bool IsTooLong { get; init; }

    /// <summary>The endpoint refuses its key, or has no such deployment; or the request is blocked on the way, or names something that is not there.</summary>
    public bool IsOfConfiguration => Kind is OutcomeKind.CredentialRefused or OutcomeKind.MissingDeployment;

    /// <summary>The estimate of this one request may exceed the whole limit of the deployment.</summary>
    public bool MayExceedLimit => IsForLong && Status is not (402 or 403);

    /// <summary>It stated a pause that is too long to be kept. Status 402 and 403 speak of a quota that is spent, and say nothing of the request.</summary>
    public bool IsForLong => Kind == OutcomeKind.RateLimited && Hint > LongestHint;

    /// <summary>The stated time for which the endpoint must not be asked, if it is at most 5 minutes.</summary>
    public TimeSpan? RetryAfter => Hint <= LongestHint ? Hint : null;

    /// <summary>The same failure without a stated time.</summary>
    public AttemptOutcome WithoutHint() => new(Kind, Exception, Status, null, Response, ExhaustsResource, MayBeEndpoints);

    /// <summary>Whether another endpoint may succeed.</summary>
    public bool MayFailOver => Kind > OutcomeKind.Request;
}
