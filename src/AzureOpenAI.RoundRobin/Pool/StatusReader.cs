using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Pool;

/// <summary>Reads the public status of an endpoint at one moment.</summary>
internal static class StatusReader
{
    public static EndpointStatus Read(Endpoint endpoint, int inFlight, TimeProvider time, long now)
    {
        EndpointState state = endpoint.Health.State;
        TokenCounts used = endpoint.Used;
        return new EndpointStatus(endpoint.Name)
        {
            DeploymentName = endpoint.DeploymentName,
            ServiceTier = endpoint.ServiceTier,
            State = state,
            Reason = state == EndpointState.Healthy ? null : OutcomeNames.Reason(endpoint.Health.Reason),
            ToldBy = endpoint.Health.IsHearsay ? "another process" : null,
            ReadyIn = state == EndpointState.Unavailable ? time.Until(now, endpoint.Health.UnavailableUntil) : null,
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
