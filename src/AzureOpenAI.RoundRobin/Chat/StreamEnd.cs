using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Transport;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>How a stream ends after its first content, for its caller and for its endpoint.</summary>
internal static class StreamEnd
{
    /// <summary>What the caller gets for a failure after the first content.</summary>
    public static Exception Interrupted(AttemptLoop loop, Attempt attempt, Exception exception, CancellationToken caller)
    {
        AttemptFacts facts = loop.Facts(attempt, caller) with { Committed = true, Sent = true };
        AttemptOutcome outcome = loop.Classify(exception, facts);
        attempt.Interruption = new(outcome);
        attempt.Trace?.Ended(outcome, endsCall: true);
        return outcome.Kind switch
        {
            OutcomeKind.Caller => CallFailure.Cancelled(exception, caller),
            OutcomeKind.Request when exception is not InBandErrorException => exception,
            _ => new ChatStreamInterruptedException(
                $"The stream of endpoint '{attempt.Endpoint.Name}' broke off after a part of the answer had been passed on. The answer is incomplete, and no other endpoint could take over."
                + (exception is InBandErrorException ? $" {exception.Message}" : ""),
                attempt.Endpoint.Name, exception),
        };
    }

    /// <summary>The stream is over, whole, interrupted, or because its caller walked away.</summary>
    public static void Report(AttemptLoop loop, Attempt attempt, bool whole)
    {
        AttemptTracker tracker = loop.Balancer.Tracker;
        if (attempt.Interruption?.Value is { MayFailOver: true, IsNobodys: false } outcome)
        {
            EndpointAttempt failure = EndpointAttempt.Of(attempt.Endpoint.Name, attempt.Endpoint.DeploymentName, outcome, attempt.Took(loop.Balancer.Time.GetTimestamp()));
            tracker.Failed(attempt, outcome, failure, fingerprint: 0, eject: outcome.Kind == OutcomeKind.Cut);
        }
        else if (attempt.Interruption is null && whole)
        {
            loop.Succeeded(attempt, streamed: true);
        }
        else
        {
            // The caller walked away in the middle, after content, or our own side let go of the connection: the endpoint did serve it.
            if (attempt.Interruption is null)
            {
                attempt.Trace?.Left();
            }

            tracker.Abandoned(attempt, answered: false, served: true);
        }
    }
}
