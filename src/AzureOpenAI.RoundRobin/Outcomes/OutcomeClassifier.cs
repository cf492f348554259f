using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.Json;
using Azure;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>
/// Classifies an exception. A pure function, and the only file that knows status codes and the SDKs' exceptions.
/// </summary>
internal static class OutcomeClassifier
{
    /// <summary>Neither the deployment nor the one that it spills over to had capacity; the status is the first one's.</summary>
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

        // Whatever the exception's own type or status: it came from the credential.
        if (facts.IsSdkBacked && CredentialFailure.IsBehind(exception))
        {
            return new(OutcomeKind.CredentialRefused, exception);
        }

        AttemptOutcome outcome =
            Response(cause, now, facts, exception)
            ?? (facts.Said is { } said ? new(OutcomeNames.KindOf(said), exception)
            : facts.TimedOut ? new(OutcomeKind.TimedOut, exception) : Unanswered(CauseOf(cause, facts), facts, exception));
        // The stream was whole, and only unreadable.
        bool isCut = facts.Committed && outcome.MayFailOver && !outcome.IsUnreadable;
        return isCut ? new(OutcomeKind.Cut, exception, outcome.Status, null, outcome.Response) { IsNobodys = outcome.IsNobodys } : outcome;
    }

    /// <summary>An SDK that retried by itself reports its attempts as one aggregate; the last one is the state of the endpoint.</summary>
    private static Exception Unwrap(Exception exception) =>
        exception is AggregateException { InnerExceptions: [.., Exception last] } ? Unwrap(last) : exception;

    /// <summary>A client that the pool built throws what its SDK throws. Of a ready-made one the status may be any inner exception's, and of an SDK that we do not know.</summary>
    private static AttemptOutcome? Response(Exception cause, DateTimeOffset now, in AttemptFacts facts, Exception exception)
    {
        AttemptOutcome? outcome = Known(cause, now, facts, exception);
        for (Exception? inner = facts.IsSdkBacked ? null : cause; inner is not null && outcome is null; inner = Inner(inner))
        {
            outcome = Known(inner, now, facts, exception)
                ?? (ForeignException.StatusOf(inner) is > 0 and var status && inner is not HttpRequestException ? Foreign(inner, status, now, facts, exception) : null);
        }

        return outcome;
    }

    private static AttemptOutcome Foreign(Exception inner, int status, DateTimeOffset now, in AttemptFacts facts, Exception exception) =>
        Answered(status, ForeignException.HeadersOf(inner), () => inner.Message, now, facts, exception);

    private static Exception? Inner(Exception exception) => exception is AggregateException { InnerExceptions: [.., Exception last] } ? last : exception.InnerException;

    /// <summary>The first of the chain that says anything. What wraps it at a ready-made client is its SDK's own.</summary>
    private static Exception CauseOf(Exception cause, in AttemptFacts facts)
    {
        // An argument error is the request's, whatever led to it.
        for (Exception? inner = facts.IsSdkBacked || cause is ArgumentException ? null : cause; inner is not null; inner = Inner(inner))
        {
            if (SaysAnything(inner) || inner is OperationCanceledException or TimeoutException or IOException or JsonException or AuthenticationException)
            {
                return inner;
            }
        }

        return cause;
    }

    private static bool SaysAnything(Exception cause) => cause is ClientResultException or RequestFailedException or HttpRequestException or SocketException;

    private static AttemptOutcome? Known(Exception cause, DateTimeOffset now, in AttemptFacts facts, Exception exception)
    {
        switch (cause)
        {
            case ClientResultException { Status: > 0 } failure:
                PipelineResponse? response = failure.GetRawResponse();
                return Answered(failure.Status, Headers(response), () => $"{failure.Message}\n{TextOf(response)}", now, facts, exception, response);
            case RequestFailedException { Status: > 0 } failure:
                return Answered(failure.Status, Headers(failure.GetRawResponse()), () => failure.Message, now, facts, exception);
            case HttpRequestException { StatusCode: { } status, HttpRequestError: not HttpRequestError.ProxyTunnelError } failure:
                return Answered((int)status, static _ => null, () => failure.Message, now, facts, exception);
            default:
                return null;
        }
    }

    private static AttemptOutcome Answered(
        int status, HeaderLookup headers, Func<string?> text, DateTimeOffset now, in AttemptFacts facts, Exception exception, PipelineResponse? response = null)
    {
        OutcomeKind kind = facts.Said is { } said ? OutcomeNames.KindOf(said) : Kind(status, facts);
        bool spilled = headers(SpillOverFailed) is not null;
        kind = spilled && facts.Said is null && kind is (OutcomeKind.Request or OutcomeKind.Failed) ? OutcomeKind.RateLimited : kind;
        bool isReset = false;
        TimeSpan? hint = kind > OutcomeKind.Request && StatedPause.MayBeIn(status) ? StatedPause.Read(status, headers, text, now, out isReset) : null;
        // A quota that is spent, as API Management says it: a refused key comes without a time.
        bool isQuota = facts.Said is null && status is (402 or 403) && hint is not null;
        bool mayBeEndpoints = kind == OutcomeKind.Request && facts.Said is null && RequestFault.MayBeEndpoints(status, exception.Message, response, facts.JobIsCallers);
        return new(isQuota ? OutcomeKind.RateLimited : kind, exception, status, hint, response, exhaustsResource: spilled, mayBeEndpoints)
        {
            IsTooLong = mayBeEndpoints && RequestFault.IsTooLong(exception.Message),
            HintIsReset = isReset,
            NamesTokens = status == 429 && ScarceTokens.AreNamed(headers, text()),
        };
    }

    /// <summary>An answer that is no JSON, or ends too early, may be a good one the next time. One that was read, and is none that the SDK understands, would not.</summary>
    private static AttemptOutcome Unanswered(Exception cause, in AttemptFacts facts, Exception exception)
    {
        OutcomeKind kind = Transport(cause, facts);
        bool isNobodys = kind == OutcomeKind.Failed && IsAborted(cause, facts);
        return new(kind, exception)
        {
            IsNobodys = isNobodys,
            IsUnknown = kind == OutcomeKind.Failed && !isNobodys && !SaysAnything(cause),
            IsBrokenOff = kind == OutcomeKind.BrokenAnswer && cause is HttpIOException or IOException { InnerException: SocketException },
            // Out of range is what the SDK says to a value that it does not know yet.
            IsUnreadable = kind == OutcomeKind.BrokenAnswer && (cause is ArgumentOutOfRangeException || (facts.HasSuccess && cause is not (JsonException or IOException))),
        };
    }

    private static OutcomeKind Kind(int status, in AttemptFacts facts) => status switch
    {
        429 => OutcomeKind.RateLimited,
        401 or 402 or 403 or 407 => OutcomeKind.CredentialRefused,
        404 => facts.NameIsCallers || facts.JobIsCallers ? OutcomeKind.Request : OutcomeKind.MissingDeployment,
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
            // Nothing was sent, so the request itself or the app's code in it threw.
            not (ClientResultException or RequestFailedException) when facts is { IsSdkBacked: true, Sent: false, IsUserCode: false } => OutcomeKind.Request,
            JsonException or ArgumentOutOfRangeException or IOException => OutcomeKind.BrokenAnswer,
            // The SDK throws it for a vector that it cannot read.
            FormatException when !facts.IsUserCode => OutcomeKind.BrokenAnswer,
            _ when facts.IsUserCode && !SaysAnything(cause) => OutcomeKind.Request,
            // Whatever the SDK throws at an answer that it has got: the SDK did not foresee it.
            _ when facts.HasSuccess && !SaysAnything(cause) => OutcomeKind.BrokenAnswer,
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
