using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Pool;

/// <summary>Reads the public status of an endpoint at one moment.</summary>
internal static class StatusReader
{
    public static EndpointStatus Read(Endpoint endpoint, in EndpointCondition condition, int inFlight)
    {
        TokenCounts used = endpoint.Used;
        return new EndpointStatus(endpoint.Name)
        {
            DeploymentName = endpoint.DeploymentName,
            ServiceTier = endpoint.ServiceTier,
            State = condition.State,
            Reason = condition.State == EndpointState.Healthy ? null : OutcomeNames.Reason(condition.Reason),
            ToldBy = condition.IsHearsay ? "another process" : null,
            ReadyIn = condition.State == EndpointState.Unavailable ? condition.ReadyIn : null,
            InFlight = inFlight,
            Answered = endpoint.Answered,
            Failed = endpoint.Failed,
            RateLimited = endpoint.Rejected,
            InputTokens = used.Input,
            OutputTokens = used.Output,
            CachedInputTokens = used.CachedInput,
            LastError = endpoint.LastFailure,
        };
    }
}
