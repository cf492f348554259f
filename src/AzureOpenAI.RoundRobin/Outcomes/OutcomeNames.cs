using System.ClientModel;
using System.Globalization;
using Azure;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>What outcomes and errors are called in tags: few words, and always the same, since people build alerts on them.</summary>
internal static class OutcomeNames
{
    /// <summary>The caller left a stream before its end.</summary>
    public const string Abandoned = "abandoned";

    public static string Of(OutcomeKind kind) => kind switch
    {
        OutcomeKind.Answered => "answered",
        OutcomeKind.Caller => "cancelled",
        OutcomeKind.Request => "invalid_request",
        OutcomeKind.RateLimited => "rate_limited",
        OutcomeKind.Missing => "missing_deployment",
        OutcomeKind.Credential => "credential_refused",
        OutcomeKind.Unreachable => "unreachable",
        OutcomeKind.Broken => "broken_answer",
        OutcomeKind.Cut => "cut",
        OutcomeKind.Slow => "timed_out",
        OutcomeKind.Silent => "silent",
        _ => "failed",
    };

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

        if (outcome.Kind is OutcomeKind.Slow or OutcomeKind.Silent)
        {
            return "timeout";
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
}
