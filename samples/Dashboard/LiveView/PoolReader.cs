using System.Text.Json;
using AzureOpenAI.RoundRobin;

namespace Dashboard.LiveView;

/// <summary>Makes a frame of the pool's status and of the measurements since the last frame.</summary>
internal sealed class PoolReader(EndpointPool pool, Observations observations, TimeProvider time)
{
    private readonly Dictionary<(string, string?), EndpointState> _states = [];

    public LiveFrame Read()
    {
        List<LiveEvent> events = [.. observations.TakeEvents()];
        LiveEndpoint[] endpoints = [.. pool.GetStatus().Select(status => Read(status, events))];
        Latencies all = observations.Latencies();
        return new(time.GetUtcNow().ToUnixTimeMilliseconds(), pool.WaitingCalls, observations.Calls, all.Median, all.Slowest, endpoints, events);
    }

    private LiveEndpoint Read(EndpointStatus status, List<LiveEvent> events)
    {
        (string, string?) key = (status.Name, status.DeploymentName);
        if (_states.TryGetValue(key, out EndpointState before) && before != EndpointState.Healthy && status.State == EndpointState.Healthy)
        {
            events.Add(new(LiveEventKind.Healthy, status.Name, null, 1));
        }

        _states[key] = status.State;
        Latencies latencies = observations.Latencies(status.Name);
        return new(
            status.Name, status.DeploymentName, status.State, Words(status.Reason), status.ToldBy, status.ReadyIn?.TotalSeconds, status.InFlight, status.Answered, status.RateLimited,
            status.Failed - status.RateLimited, status.InputTokens, status.OutputTokens, status.CachedInputTokens, latencies.Median, latencies.Slowest);
    }

    /// <summary>The same words as in the events, which are those of the metrics.</summary>
    private static string? Words(EndpointFailureReason? reason) =>
        reason is null ? null : Observations.Words(JsonNamingPolicy.SnakeCaseLower.ConvertName($"{reason}"));
}
