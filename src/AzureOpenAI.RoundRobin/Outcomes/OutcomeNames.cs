using System.ClientModel;
using System.Globalization;
using Azure;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>
/// What outcomes are called: in metrics and logs, in texts for people, in <see cref="EndpointFailureReason"/> and in <c>error.type</c>. The words are few and
/// never change, since people build alerts on them.
/// </summary>
internal static class OutcomeNames
{
    /// <summary>The caller left a stream before its end.</summary>
    public const string Abandoned = "abandoned";

    /// <summary>One row for each <see cref="OutcomeKind"/>, in its order.</summary>
    private static readonly Row[] Rows =
    [
        new(OutcomeKind.Answered, "answered", "answered"),
        new(OutcomeKind.Caller, "cancelled", "was cancelled by the caller"),
        new(OutcomeKind.Request, "invalid_request", "the request is at fault"),
        new(OutcomeKind.RateLimited, "rate_limited", "rate limited", EndpointFailureReason.RateLimited),
        new(OutcomeKind.MissingDeployment, "missing_deployment", "has no such deployment", EndpointFailureReason.MissingDeployment),
        new(OutcomeKind.CredentialRefused, "credential_refused", "refused its credential", EndpointFailureReason.CredentialRefused),
        new(OutcomeKind.Unreachable, "unreachable", "unreachable", EndpointFailureReason.Unreachable),
        new(OutcomeKind.Failed, "failed", "failed", EndpointFailureReason.Failed),
        new(OutcomeKind.BrokenAnswer, "broken_answer", "broke its answer", EndpointFailureReason.BrokenAnswer),
        new(OutcomeKind.Cut, "cut", "cut its stream", EndpointFailureReason.Cut),
        new(OutcomeKind.TimedOut, "timed_out", "ran out of time", EndpointFailureReason.TimedOut, ErrorType: "timeout"),
        new(OutcomeKind.Stalled, "stalled", "stalled", EndpointFailureReason.Stalled, ErrorType: "timeout"),
    ];

    /// <summary>The word in metrics and logs.</summary>
    public static string Of(OutcomeKind kind) => Rows[(int)kind].Word;

    /// <summary>The words for people, after the endpoint's name.</summary>
    public static string Prose(OutcomeKind kind) => Rows[(int)kind].Prose;

    /// <inheritdoc cref="Prose(OutcomeKind)"/>
    public static string Prose(EndpointFailureReason reason) => Array.Find(Rows, row => row.Reason == reason).Prose;

    /// <summary>What callers see; an outcome that is not the endpoint's failure, and so should not come here, is <see cref="EndpointFailureReason.Failed"/>.</summary>
    public static EndpointFailureReason Reason(OutcomeKind kind) => Rows[(int)kind].Reason ?? EndpointFailureReason.Failed;

    /// <summary>What a caller means who names a reason.</summary>
    public static OutcomeKind KindOf(EndpointFailureReason reason) => Array.Find(Rows, row => row.Reason == reason).Kind;

    /// <summary>The value of <c>error.type</c>: the status, else what the transport met, else the exception's type; null where nothing failed but the caller's patience.</summary>
    public static string? ErrorType(in AttemptOutcome outcome)
    {
        if (outcome.Kind is OutcomeKind.Answered or OutcomeKind.Caller)
        {
            return null;
        }

        if (outcome.Status > 0)
        {
            return outcome.Status.ToString(CultureInfo.InvariantCulture);
        }

        if (Rows[(int)outcome.Kind].ErrorType is { } type)
        {
            return type;
        }

        Exception exception = outcome.Exception;
        while (exception is ClientResultException or RequestFailedException or AggregateException && exception.InnerException is { } inner)
        {
            exception = inner;
        }

        return exception is HttpRequestException { HttpRequestError: not HttpRequestError.Unknown } transport ? Of(transport.HttpRequestError) : exception.GetType().FullName;
    }

    /// <summary>As .NET's own HTTP metrics call them.</summary>
    private static string Of(HttpRequestError error) => error switch
    {
        HttpRequestError.NameResolutionError => "name_resolution_error",
        HttpRequestError.ConnectionError => "connection_error",
        HttpRequestError.SecureConnectionError => "secure_connection_error",
        HttpRequestError.HttpProtocolError => "http_protocol_error",
        HttpRequestError.ProxyTunnelError => "proxy_tunnel_error",
        HttpRequestError.ResponseEnded => "response_ended",
        _ => error.ToString(),
    };

    /// <param name="Kind">What the row is for.</param>
    /// <param name="Word">In metrics and logs.</param>
    /// <param name="Prose">In texts for people.</param>
    /// <param name="Reason">In the public API; null where no endpoint failed.</param>
    /// <param name="ErrorType">In <c>error.type</c> where there is no status; null where the exception tells.</param>
    private readonly record struct Row(OutcomeKind Kind, string Word, string Prose, EndpointFailureReason? Reason = null, string? ErrorType = null);
}
