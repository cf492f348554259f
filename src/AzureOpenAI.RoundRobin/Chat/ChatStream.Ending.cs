using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Chat;

/// <content>Its end, for the caller and for the endpoint.</content>
internal sealed partial class ChatStream
{
    /// <summary>The caller's exception for a failure after the first content.</summary>
    private Exception Interrupted(Exception exception)
    {
        _phase = Phase.Over;
        if (_attempt is not { } attempt)
        {
            return exception;
        }

        AttemptFacts facts = _loop.Facts(attempt, _caller) with { Committed = true, Sent = true };
        AttemptOutcome outcome = OutcomeClassifier.Classify(exception, facts, _loop.Balancer.Time.GetUtcNow());
        attempt.Interruption = new(outcome);
        attempt.Trace?.Ended(outcome, endsCall: true);
        return outcome.Kind switch
        {
            OutcomeKind.Caller => CallFailure.Cancelled(exception, _caller),
            OutcomeKind.Request => exception,
            _ => new ChatStreamInterruptedException(
                $"The stream of endpoint '{attempt.Endpoint.Name}' broke off after a part of the answer had been passed on. The answer is incomplete, and no other endpoint could take over.",
                attempt.Endpoint.Name, exception),
        };
    }

    private void EndAttempt()
    {
        if (Interlocked.Exchange(ref _attempt, null) is not { } attempt)
        {
            return;
        }

        AttemptTracker tracker = _loop.Balancer.Tracker;
        if (attempt.Interruption?.Value is { MayFailOver: true } outcome)
        {
            EndpointAttempt failure = EndpointAttempt.Of(attempt.Endpoint.Name, attempt.Endpoint.DeploymentName, outcome, attempt.Took(_loop.Balancer.Time.GetTimestamp()));
            tracker.Failed(attempt, outcome, failure, fingerprint: 0, eject: outcome.Kind == OutcomeKind.Cut);
        }
        else if (attempt.Interruption is null && _ended)
        {
            tracker.Succeeded(attempt, streamed: true);
        }
        else
        {
            // The caller left the stream after content: the endpoint served it.
            if (attempt.Interruption is null)
            {
                attempt.Trace?.Left();
            }

            tracker.Abandoned(attempt, answered: false, served: true);
        }
    }
}
