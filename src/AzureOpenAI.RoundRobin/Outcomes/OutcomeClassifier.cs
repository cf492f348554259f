using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.Json;
using Azure;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>
/// Says what an exception means. A pure function, and the only place that knows status codes and the SDKs' exceptions.
/// </summary>
internal static class OutcomeClassifier
{
    /// <summary>The deployment had no room, nor had the one at the same resource that it spills over to; the status is that of the first.</summary>
    private const string SpillOverFailed = "x-ms-spillover-error";

    public static AttemptOutcome Classify(Exception exception, in AttemptFacts facts, DateTimeOffset now)
    {
        if (facts.CallerCancelled)
        {
            return new(OutcomeKind.Caller, exception);
        }

        Exception cause = Unwrap(exception);
        if (facts.Relocated)
        {
            return new(OutcomeKind.Stalled, exception);
        }

        // A status of its own, an argument error, a timeout: it is the credential's all the same.
        if (facts.IsSdkBacked && CredentialFailure.IsBehind(exception))
        {
            return new(OutcomeKind.CredentialRefused, exception);
        }

        AttemptOutcome outcome =
            Response(cause, now, facts, exception)
            ?? (facts.TimedOut ? new(OutcomeKind.TimedOut, exception) : Unanswered(Transport(cause, facts), cause, facts, exception));
        // The stream was whole, and only unreadable.
        bool isCut = facts.Committed && outcome.MayFailOver && !outcome.IsUnreadable;
        return isCut ? new(OutcomeKind.Cut, exception, outcome.Status, null, outcome.Response) { IsNobodys = outcome.IsNobodys } : outcome;
    }

    /// <summary>An SDK that retried by itself reports its attempts as one aggregate; the last one is the state of the endpoint.</summary>
    private static Exception Unwrap(Exception exception) =>
        exception is AggregateException { InnerExceptions: [.., Exception last] } ? Unwrap(last) : exception;

    private static AttemptOutcome? Response(Exception cause, DateTimeOffset now, in AttemptFacts facts, Exception exception)
    {
        switch (cause)
        {
            case ClientResultException { Status: > 0 } failure:
                PipelineResponse? response = failure.GetRawResponse();
                return Answered(failure.Status, Headers(response), () => $"{failure.Message}\n{TextOf(response)}", now, facts, exception, response);
            case RequestFailedException { Status: > 0 } failure:
                return Answered(failure.Status, Headers(failure.GetRawResponse()), () => failure.Message, now, facts, exception);
            case HttpRequestException { StatusCode: { } status } failure:
                return Answered((int)status, static _ => null, () => failure.Message, now, facts, exception);
            default:
                return null;
        }
    }

    private static AttemptOutcome Answered(
        int status, HeaderLookup headers, Func<string?> text, DateTimeOffset now, in AttemptFacts facts, Exception exception, PipelineResponse? response = null)
    {
        OutcomeKind kind = Kind(status, facts);
        bool spilled = headers(SpillOverFailed) is not null;
        kind = spilled && kind is (OutcomeKind.Request or OutcomeKind.Failed) ? OutcomeKind.RateLimited : kind;
        TimeSpan? hint = kind > OutcomeKind.Request && StatedPause.MayBeIn(status) ? StatedPause.Read(status, headers, text, now) : null;
        // A quota that is spent, as API Management says it: a refused key comes without a time.
        bool isQuota = status is 402 or 403 && hint is not null;
        return new(isQuota ? OutcomeKind.RateLimited : kind, exception, status, hint, response, exhaustsResource: spilled);
    }

    /// <summary>An answer that is no JSON, or ends too early, may be a good one the next time. One that was read, and is none that the SDK understands, would not.</summary>
    private static AttemptOutcome Unanswered(OutcomeKind kind, Exception cause, in AttemptFacts facts, Exception exception) => new(kind, exception)
    {
        // Out of range is what the SDK says to a value that it does not know yet.
        IsNobodys = kind == OutcomeKind.Failed && IsAborted(cause, facts),
        IsUnreadable = kind == OutcomeKind.BrokenAnswer && (cause is ArgumentOutOfRangeException || (facts.HasSuccess && cause is not (JsonException or IOException))),
    };

    private static OutcomeKind Kind(int status, in AttemptFacts facts) => status switch
    {
        429 => OutcomeKind.RateLimited,
        401 or 402 or 403 or 407 => OutcomeKind.CredentialRefused,
        404 => facts.NameIsCallers ? OutcomeKind.Request : OutcomeKind.MissingDeployment,
        >= 300 and < 400 or 405 or 410 => OutcomeKind.MissingDeployment,
        408 => OutcomeKind.TimedOut,
        409 or 424 or 425 or 499 => OutcomeKind.Failed,
        >= 400 and < 500 => OutcomeKind.Request,
        < 300 => OutcomeKind.BrokenAnswer,
        _ => OutcomeKind.Failed,
    };

    private static HeaderLookup Headers(PipelineResponse? response) =>
        name => response is not null && response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values : null;

    private static HeaderLookup Headers(Response? response) =>
        name => response is not null && response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values : null;

    /// <summary>The body, as far as it has been read.</summary>
    private static string? TextOf(PipelineResponse? response)
    {
        try
        {
            return response?.Content.ToString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>
    /// A connection that was let go of on our side of it: when many calls are cancelled at once, .NET ends now and then that of another call, too. What a ready-made
    /// client or the user's own code disposes of is the transport's only inside of what a transport throws.
    /// </summary>
    private static bool IsAborted(Exception cause, in AttemptFacts facts)
    {
        bool inTransport = facts is { IsSdkBacked: true, Sent: true, IsUserCode: false };
        for (Exception? inner = cause; inner is not null; inner = inner.InnerException)
        {
            inTransport |= inner is HttpRequestException or IOException;
            if (inner is SocketException { SocketErrorCode: SocketError.OperationAborted } || (inTransport && inner is ObjectDisposedException))
            {
                return true;
            }
        }

        return false;
    }

    private static OutcomeKind Transport(Exception cause, in AttemptFacts facts)
    {
        if (!facts.Sent && IsArgumentError(cause, facts))
        {
            return OutcomeKind.Request;
        }

        if (IsAborted(cause, facts))
        {
            return OutcomeKind.Failed;
        }

        if (IsUnreachable(cause, facts))
        {
            return OutcomeKind.Unreachable;
        }

        return cause switch
        {
            OperationCanceledException or TimeoutException => OutcomeKind.TimedOut,
            RedirectFollowedException => OutcomeKind.MissingDeployment,
            // Nothing but the request has been touched so far, and the app's own code in it.
            not (ClientResultException or RequestFailedException) when facts is { IsSdkBacked: true, Sent: false, IsUserCode: false } => OutcomeKind.Request,
            JsonException or ArgumentOutOfRangeException or IOException => OutcomeKind.BrokenAnswer,
            // What the SDK says to a vector that it cannot read.
            FormatException when !facts.IsUserCode => OutcomeKind.BrokenAnswer,
            not (ClientResultException or RequestFailedException or HttpRequestException or SocketException) when facts.IsUserCode => OutcomeKind.Request,
            // Whatever the SDK throws at an answer that it has got: the SDK did not foresee it.
            not (ClientResultException or RequestFailedException or HttpRequestException or SocketException) when facts.HasSuccess => OutcomeKind.BrokenAnswer,
            _ => OutcomeKind.Failed,
        };
    }

    private static bool IsArgumentError(Exception cause, in AttemptFacts facts) =>
        cause is ArgumentException
        || (facts.IsSdkBacked && cause is NotSupportedException or InvalidOperationException or FormatException or InvalidCastException or JsonException or MissingMemberException);

    private static bool IsUnreachable(Exception cause, in AttemptFacts facts)
    {
        // The transport has one timeout only, the one on connecting, and no answer came.
        if (facts is { OnlyConnectingTimesOut: true, HeadStatus: 0 } && cause is OperationCanceledException { InnerException: TimeoutException })
        {
            return true;
        }

        for (Exception? inner = cause; inner is not null; inner = inner.InnerException)
        {
            switch (inner)
            {
                case HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError }:
                case AuthenticationException:
                case SocketException { SocketErrorCode: SocketError.ConnectionRefused or SocketError.HostNotFound or SocketError.HostUnreachable or SocketError.NetworkUnreachable or SocketError.TryAgain or SocketError.NoData }:
                    return true;
            }
        }

        return false;
    }
}
