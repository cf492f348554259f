using System.Globalization;
using AzureOpenAI.RoundRobin.Outcomes;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AzureOpenAI.RoundRobin.DependencyInjection;

/// <summary>Reports the health of a pool from its endpoints' states; it never calls an endpoint.</summary>
/// <remarks>
/// A probing endpoint, whose cooldown is over and which no call has asked since, counts as degraded and not as unhealthy. Otherwise an app that gets no calls while it is
/// unhealthy would stay so: only a call finds that the endpoint has recovered. That the service is out of another tier than the standard one says nothing of the app's health.
/// </remarks>
/// <param name="pool">Finds the pool; null while the switch is off.</param>
internal sealed class PoolHealthCheck(Func<EndpointPool?> pool) : IHealthCheck
{
    private readonly Func<EndpointPool?> _pool = pool;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(context);
        return Task.FromResult(_pool() is { } pool
            ? Of([.. pool.GetStatus().Where(static status => status.ServiceTier is null)], context.Registration.FailureStatus)
            : HealthCheckResult.Healthy("There is no pool: the switch USE_AZURE_OPENAI_ROUND_ROBIN is off."));
    }

    private static HealthCheckResult Of(IReadOnlyList<EndpointStatus> all, HealthStatus failureStatus)
    {
        EndpointStatus[] away = [.. all.Where(static status => status.State is EndpointState.Unavailable or EndpointState.Probing)];
        if (away.Length == 0)
        {
            return HealthCheckResult.Healthy(all.Count == 1 ? "The endpoint takes calls." : $"All {all.Count} endpoints take calls.");
        }

        Dictionary<string, object> data = [];
        foreach (EndpointStatus status in away)
        {
            data[NameOf(status, all)] = Describe(status);
        }

        string text = $"{away.Length} of {all.Count} {(away.Length == 1 ? "is" : "are")} unavailable or probing: {string.Join("; ", data.Select(static entry => $"'{entry.Key}' {entry.Value}"))}.";
        return away.Length == all.Count && Array.TrueForAll(away, static status => status.State == EndpointState.Unavailable)
            ? new HealthCheckResult(failureStatus, text, data: data)
            : HealthCheckResult.Degraded(text, data: data);
    }

    /// <summary>An endpoint with several deployments has one entry for each.</summary>
    private static string NameOf(EndpointStatus status, IReadOnlyList<EndpointStatus> all) =>
        status.DeploymentName is { } deployment && all.Count(other => other.Name == status.Name) > 1 ? $"{status.Name}/{deployment}" : status.Name;

    private static string Describe(EndpointStatus status)
    {
        string reason = status.What ?? OutcomeNames.Prose(EndpointFailureReason.Failed);
        return status.ReadyIn is { } wait
            ? string.Create(CultureInfo.InvariantCulture, $"{reason}, ready in {wait.TotalSeconds:0.#} s")
            : $"{reason}, the next call probes it";
    }
}
