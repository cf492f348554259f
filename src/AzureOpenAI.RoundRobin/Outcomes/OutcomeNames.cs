using System.ClientModel;
using System.Globalization;
using Azure;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>
/// The names of outcomes: in metrics and logs, in texts for people, in <see cref="EndpointFailureReason"/> and in <c>error.type</c>. Words in metrics and logs never
/// change, since alerts are built on them.
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
        new(OutcomeKind.BrokenAnswer, "broken_answer", "sent a broken answer", EndpointFailureReason.BrokenAnswer),
        new(OutcomeKind.Cut, "cut", "cut its stream", EndpointFailureReason.Cut),
        new(OutcomeKind.TimedOut, "timed_out", "timed out", EndpointFailureReason.TimedOut, ErrorType: "timeout"),
        new(OutcomeKind.Stalled, "stalled", "stalled", EndpointFailureReason.Stalled, ErrorType: "timeout"),
    ];

    /// <summary>The word in metrics and logs.</summary>
    public static string Of(OutcomeKind kind) => Rows[(int)kind].Word;

    /// <summary>The words for people, after the endpoint's name.</summary>
    public static string Prose(OutcomeKind kind) => Rows[(int)kind].Prose;

    /// <inheritdoc cref="Prose(OutcomeKind)"/>
    public static string Prose(EndpointFailureReason reason) => Array.Find(Rows, row => row.Reason == reason).Prose;

    /// <summary>The public reason; <see cref="EndpointFailureReason.Failed"/> for an outcome that is no failure of the endpoint, which should not come here.</summary>
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

    /// <summary>The same values as in .NET's HTTP metrics.</summary>
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
    /// <param name="ErrorType">In <c>error.type</c> where there is no status; null where it is the exception's.</param>
    private readonly record struct Row(OutcomeKind Kind, string Word, string Prose, EndpointFailureReason? Reason = null, string? ErrorType = null);
}
