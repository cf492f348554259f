using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.ExceptionServices;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>The failed attempts of a call, and the exception for its caller where no attempt follows.</summary>
internal sealed class CallFailure(Balancer balancer, Picker picker)
{
    private readonly List<EndpointAttempt> _attempts = [];
    private AttemptOutcome _standsFor;
    private long _standsForReadyAt = long.MaxValue;

    public IReadOnlyList<EndpointAttempt> Attempts => _attempts;

    /// <summary>Throws the exception of an attempt as it is; a cancellation carries the caller's token.</summary>
    [DoesNotReturn]
    public static void Throw(in AttemptOutcome outcome, CancellationToken cancellationToken) =>
        ExceptionDispatchInfo.Throw(outcome.Kind == OutcomeKind.Caller ? Cancelled(outcome.Exception, cancellationToken) : outcome.Exception);

    /// <summary>The exception of a call that its caller cancelled, with the caller's token.</summary>
    public static Exception Cancelled(Exception exception, CancellationToken cancellationToken) =>
        exception is OperationCanceledException cancelled && cancelled.CancellationToken == cancellationToken
            ? exception
            : new OperationCanceledException("The call was cancelled by its caller.", exception, cancellationToken);

    /// <summary>An attempt has failed.</summary>
    public EndpointAttempt Add(Endpoint endpoint, in AttemptOutcome outcome, TimeSpan cost, long now)
    {
        EndpointAttempt attempt = EndpointAttempt.Of(endpoint.Name, endpoint.DeploymentName, outcome, cost);
        _attempts.Add(attempt);
        StandFor(outcome, now);
        return attempt;
    }

    [DoesNotReturn]
    public void Throw(in PickResult refused, TimeSpan waited)
    {
        if (refused.Refusal == Refusal.Disposed && _attempts.Count == 0)
        {
            throw Balancer.DisposedException();
        }

        if (refused.Refusal == Refusal.Gone)
        {
            throw Exhausted(null, waited, "The new configuration has no endpoint for the call's model or conversation. ");
        }

        if (refused.Refusal == Refusal.Misconfigured && _attempts.Count != 1)
        {
            throw Misconfigured(waited);
        }

        if (refused.Refusal == Refusal.QueueFull && _attempts.Count != 1)
        {
            throw Exhausted(refused.ReadyIn, waited, "As many calls wait as MaxWaiting allows. ");
        }

        Throw(refused.ReadyIn, waited);
    }

    /// <summary>Throws the exception of a single attempt as it is; after several, one that lists all.</summary>
    [DoesNotReturn]
    public void Throw(TimeSpan? readyIn, TimeSpan waited)
    {
        if (_attempts.Count != 1)
        {
            throw Exhausted(readyIn, waited);
        }

        // The pool cancels an attempt that times out. Its caller did not, so the exception must be no cancellation.
        if (_standsFor.Exception is OperationCanceledException)
        {
            throw new TimeoutException(
                string.Create(CultureInfo.InvariantCulture, $"Endpoint '{_attempts[0].EndpointName}' did not answer within {_attempts[0].Duration.TotalSeconds:0.#} s, and the call made no other attempt."),
                _standsFor.Exception);
        }

        ExceptionDispatchInfo.Throw(_standsFor.Exception);
    }

    /// <summary>Several attempts of the call have run out of time.</summary>
    [DoesNotReturn]
    public void ThrowTimedOut(in AttemptOutcome outcome, string endpoint, TimeSpan cost, TimeSpan waited, string why) => throw (outcome.Status > 0
        ? Exhausted(null, waited)
        : new TimeoutException(
            string.Create(CultureInfo.InvariantCulture, $"The last of {_attempts.Count} attempts ran out of time after {cost.TotalSeconds:0.#} s at endpoint '{endpoint}', as one before it did. {why}; raise AttemptTimeout if answers take that long."),
            outcome.Exception));

    /// <summary>A second endpoint has stated more than 5 minutes to the call.</summary>
    [DoesNotReturn]
    public void ThrowTooLarge(TimeSpan waited) => throw Exhausted(
        null, waited, "Two endpoints asked to retry after hours. The request probably exceeds the deployment's tokens-per-minute limit: shorten it, or raise the limit. ");

    /// <summary>Chooses the failure whose exception and response the call surfaces: the 429 with the soonest time, else the last with an HTTP status, else the last.</summary>
    private void StandFor(in AttemptOutcome outcome, long now)
    {
        bool rateLimited = outcome.Kind == OutcomeKind.RateLimited;
        long readyAt = rateLimited && outcome.Hint is { } hint ? balancer.Time.After(now, hint) : long.MaxValue;
        bool replaces = rateLimited
            ? _standsFor.Kind != OutcomeKind.RateLimited || readyAt <= _standsForReadyAt
            : _standsFor.Kind != OutcomeKind.RateLimited && (outcome.Status > 0 || _standsFor.Status == 0);
        if (replaces)
        {
            _standsFor = outcome;
            _standsForReadyAt = readyAt;
        }
    }

    private EndpointsExhaustedException Misconfigured(TimeSpan waited)
    {
        // By the last failure of every endpoint, not by this call's attempts: other endpoints may be misconfigured in another way.
        EndpointAttempt[] failures = LastFailures();
        string what = failures.All(static failure => failure.Status is 401 or 403)
            ? "Every endpoint refuses its key or credential: check AZURE_OPENAI_API_KEY of each, its role and its network rules. "
            : failures.All(static failure => failure.Status == 404)
            ? "Every endpoint is misconfigured, without such a deployment or path: check address, deployment name and api-version of each. "
            : Array.TrueForAll(failures, static failure => failure.IsNameUnknown)
            ? "No endpoint's name is known: check the address of each, and the DNS of this machine. "
            : Array.Exists(failures, static failure => failure.IsNameUnknown)
            ? "Every endpoint is misconfigured, with a name that is not known, a key that it refuses or a deployment that it does not have. "
                + "Check address of each, key or role, deployment name and api-version. "
            : "Every endpoint is misconfigured, with a key that it refuses or a deployment that it does not have. "
                + "Check key or role of each, its address, deployment name and api-version. ";
        return Exhausted(null, waited, what);
    }

    /// <summary>The last failure of the endpoint that comes back first of those that have stated a time.</summary>
    private EndpointAttempt? Soonest() => balancer.Read((_, now) => picker.Endpoints
        .Where(endpoint => endpoint.Health.RetryAfterUntil > now && endpoint.LastFailure is { RetryAfter: not null, Status: not null })
        .MinBy(endpoint => endpoint.Health.RetryAfterUntil)?.LastFailure);

    private EndpointAttempt[] LastFailures() =>
        balancer.Read((_, _) => picker.Endpoints.Select(endpoint => endpoint.LastFailure).OfType<EndpointAttempt>().ToArray());

    private EndpointsExhaustedException Exhausted(TimeSpan? readyIn, TimeSpan waited, string? what = null)
    {
        EndpointAttempt[] failures = _attempts.Count > 0 ? [.. _attempts] : LastFailures();
        AttemptOutcome standing = _standsFor;
        if (_attempts.Count == 0 && failures.Length > 0)
        {
            // No attempt of its own: the endpoints' last failures stand for it, the one with the soonest time and then a rejection before the others.
            EndpointAttempt speaks = Soonest() ?? Array.FindLast(failures, static failure => failure.Status == 429)
                ?? Array.FindLast(failures, static failure => failure.Status is not null) ?? failures[^1];
            standing = OutcomeClassifier.Classify(speaks.Exception, default, DateTimeOffset.UnixEpoch);
        }

        long now = balancer.Time.GetTimestamp();
        readyIn ??= _standsForReadyAt == long.MaxValue ? null : balancer.Time.Until(now, _standsForReadyAt);
        return new EndpointsExhaustedException(
            ExhaustedMessage.Of(what ?? "No endpoint could take the call. ", failures, readyIn, waited),
            failures, readyIn, standing.Response, standing.Exception);
    }
}
