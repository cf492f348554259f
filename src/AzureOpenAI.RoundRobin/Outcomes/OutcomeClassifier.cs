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
            ?? new(facts.TimedOut ? OutcomeKind.TimedOut : Transport(cause, facts), exception);
        // The SDK throws ArgumentOutOfRangeException for a value that it does not know yet: the stream was whole, but not readable.
        bool isCut = facts.Committed && outcome.MayFailOver && !(outcome.Kind == OutcomeKind.BrokenAnswer && cause is ArgumentOutOfRangeException);
        return isCut ? new(OutcomeKind.Cut, exception, outcome.Status, null, outcome.Response) : outcome;
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
                OutcomeKind kind = Kind(failure.Status, facts);
                bool spilled = response?.Headers.TryGetValue(SpillOverFailed, out _) is true;
                return new(
                    spilled && kind is (OutcomeKind.Request or OutcomeKind.Failed) ? OutcomeKind.RateLimited : kind,
                    exception, failure.Status, Hint(failure.Status, response, now), response, exhaustsResource: spilled,
                    mayBeEndpoints: kind == OutcomeKind.Request && !spilled && RequestFault.MayBeEndpoints(failure.Status, failure.Message, response, facts.JobIsCallers));
            case RequestFailedException { Status: > 0 } failure:
                return new(Kind(failure.Status, facts), exception, failure.Status, Hint(failure.Status, failure.GetRawResponse(), now));
            case HttpRequestException { StatusCode: { } status }:
                return new(Kind((int)status, facts), exception, (int)status);
            default:
                return null;
        }
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

    private static TimeSpan? Hint(int status, PipelineResponse? response, DateTimeOffset now) =>
        status is 429 or 503 && response is not null
            ? RetryAfter.Parse(response.Headers, static (PipelineResponseHeaders headers, string name, out string? value) => headers.TryGetValue(name, out value), now)
            : null;

    private static TimeSpan? Hint(int status, Response? response, DateTimeOffset now) =>
        status is 429 or 503 && response is not null
            ? RetryAfter.Parse(response.Headers, static (Azure.Core.ResponseHeaders headers, string name, out string? value) => headers.TryGetValue(name, out value), now)
            : null;

    private static OutcomeKind Transport(Exception cause, in AttemptFacts facts)
    {
        if (!facts.Sent && IsArgumentError(cause, facts))
        {
            return OutcomeKind.Request;
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
            not (ClientResultException or RequestFailedException or HttpRequestException or SocketException) when facts.IsUserCode => OutcomeKind.Request,
            _ => OutcomeKind.Failed,
        };
    }

    private static bool IsArgumentError(Exception cause, in AttemptFacts facts) =>
        cause is ArgumentException
        || (facts.IsSdkBacked && cause is NotSupportedException or InvalidOperationException or FormatException or InvalidCastException or JsonException or MissingMemberException);

    private static bool IsUnreachable(Exception cause, in AttemptFacts facts)
    {
        // The pool's own transport has one timeout only, the one on connecting.
        if (facts.OwnTransport && cause is OperationCanceledException { InnerException: TimeoutException })
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
