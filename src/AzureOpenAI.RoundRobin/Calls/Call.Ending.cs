using System.Globalization;
using System.Runtime.ExceptionServices;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Calls;

/// <content>What a call's caller is told where no attempt follows.</content>
internal sealed partial class Call
{
    /// <summary>Which failure speaks for the call: the 429 with the soonest time, else the last that came over HTTP, else the last.</summary>
    private void StandFor(in AttemptOutcome outcome, long now)
    {
        bool rateLimited = outcome.Kind == OutcomeKind.RateLimited;
        long readyAt = rateLimited && outcome.Hint is { } hint ? _dispatcher.Time.After(now, hint) : long.MaxValue;
        bool replaces = rateLimited
            ? _standsFor.Kind != OutcomeKind.RateLimited || readyAt <= _standsForReadyAt
            : _standsFor.Kind != OutcomeKind.RateLimited && (outcome.Status > 0 || _standsFor.Status == 0);
        if (replaces)
        {
            _standsFor = outcome;
            _standsForReadyAt = readyAt;
        }
    }

    private void Refuse(in Pick pick)
    {
        ForgetBroken(blame: true);
        if (pick.Refusal == Refusal.Disposed && _failures.Count == 0)
        {
            throw Dispatcher.DisposedException();
        }

        if (pick.Refusal == Refusal.Gone)
        {
            throw Exhausted(null, "The configuration has changed, and no endpoint is left for what the call asks for. ");
        }

        if (pick.Refusal == Refusal.Misconfigured && _failures.Count != 1)
        {
            throw Misconfigured();
        }

        Surface(pick.ReadyIn);
    }

    private void Surface(TimeSpan? readyIn)
    {
        ForgetBroken(blame: true);
        if (_failures.Count != 1)
        {
            throw Exhausted(readyIn);
        }

        // An attempt that ran out of time ends as a cancelled one does, but nobody has cancelled this call.
        if (_standsFor.Exception is OperationCanceledException)
        {
            throw new TimeoutException(
                string.Create(CultureInfo.InvariantCulture, $"Endpoint '{_failures[0].EndpointName}' did not answer within {_failures[0].Duration.TotalSeconds:0.#} s, and no other could be asked."),
                _standsFor.Exception);
        }

        ExceptionDispatchInfo.Throw(_standsFor.Exception);
    }

    private EndpointsExhaustedException Misconfigured()
    {
        // Not by what this call has met: other endpoints may be misconfigured in another way.
        string what = LastFailures().All(failure => failure.Status is 401 or 403)
            ? "Every endpoint refuses its key or credential: check AZURE_OPENAI_API_KEY of each, its role and its network rules. "
            : "Every endpoint is misconfigured, with a key that it refuses or a deployment that it does not have. ";
        return Exhausted(null, what);
    }

    private EndpointAttempt[] LastFailures() =>
        _dispatcher.Read((_, _) => Group.Endpoints.Select(endpoint => endpoint.LastFailure).OfType<EndpointAttempt>().ToArray());

    private EndpointsExhaustedException Exhausted(TimeSpan? readyIn, string? what = null)
    {
        EndpointAttempt[] failures = _failures.Count > 0 ? [.. _failures] : LastFailures();
        AttemptOutcome standing = _standsFor;
        if (_failures.Count == 0 && failures.Length > 0)
        {
            // No attempt of its own: the endpoints' last failures speak for it, a rejection before the others.
            EndpointAttempt speaks = Array.FindLast(failures, static failure => failure.Status == 429)
                ?? Array.FindLast(failures, static failure => failure.Status is not null) ?? failures[^1];
            standing = OutcomeClassifier.Classify(speaks.Exception, default, DateTimeOffset.UnixEpoch);
        }

        long now = _dispatcher.Time.GetTimestamp();
        readyIn ??= _standsForReadyAt == long.MaxValue ? null : _dispatcher.Time.Until(now, _standsForReadyAt);
        return new EndpointsExhaustedException(
            ExhaustedMessage.Of(what ?? "No endpoint could take the call. ", failures, readyIn, Waited),
            failures, readyIn, standing.Response, standing.Exception);
    }

    public static EndpointAttempt Describe(Endpoint endpoint, in AttemptOutcome outcome, TimeSpan cost) =>
        new(endpoint.Name, OutcomeNames.Reason(outcome.Kind), outcome.Exception)
        {
            DeploymentName = endpoint.DeploymentName,
            Status = outcome.Status == 0 ? null : outcome.Status,
            Duration = cost,
            RetryAfter = outcome.Hint,
        };

    /// <summary>A cancellation that is the caller's wish carries the caller's token.</summary>
    public static Exception Cancelled(Exception exception, CancellationToken cancellationToken) =>
        exception is OperationCanceledException cancelled && cancelled.CancellationToken == cancellationToken
            ? exception
            : new OperationCanceledException("The call was cancelled by its caller.", exception, cancellationToken);
}
