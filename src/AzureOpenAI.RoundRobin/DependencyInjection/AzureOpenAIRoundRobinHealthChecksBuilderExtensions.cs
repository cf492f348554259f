using AzureOpenAI.RoundRobin;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>
/// Adds health checks for pools of Azure OpenAI endpoints.
/// </summary>
public static class AzureOpenAIRoundRobinHealthChecksBuilderExtensions
{
    private const string DefaultName = "azure_openai_round_robin";

    /// <summary>
    /// Adds a check of the pool that <c>AddAzureOpenAIRoundRobin</c> or <c>AddKeyedAzureOpenAIRoundRobin</c> registered. It reads the pool's state and never calls the service:
    /// healthy while every endpoint takes calls, degraded while some are unavailable or probing, unhealthy while all are unavailable. The data name these endpoints, with the reason
    /// and the time until they are ready. While the switch is off there is no pool, which is healthy.
    /// </summary>
    /// <param name="builder">The health checks.</param>
    /// <param name="name">The check's name, or <see langword="null"/> for <c>azure_openai_round_robin</c>, followed by the key where there is one.</param>
    /// <param name="serviceKey">The registration's key, or <see langword="null"/> for the one without.</param>
    /// <param name="failureStatus">The status while all endpoints are unavailable, or <see langword="null"/> for <see cref="HealthStatus.Unhealthy"/>.</param>
    /// <param name="tags">Tags to filter checks by, or <see langword="null"/>.</param>
    /// <returns>The same builder.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="builder"/> is <see langword="null"/>.</exception>
    public static IHealthChecksBuilder AddAzureOpenAIRoundRobin(
        this IHealthChecksBuilder builder, string? name = null, string? serviceKey = null, HealthStatus? failureStatus = null, IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Add(new HealthCheckRegistration(
            name ?? (serviceKey is null ? DefaultName : $"{DefaultName}_{serviceKey}"),
            services => new PoolHealthCheck(() => PoolOf(services, serviceKey)),
            failureStatus,
            tags));
    }

    private static EndpointPool? PoolOf(IServiceProvider services, string? serviceKey)
    {
        EndpointPool? pool = serviceKey is null ? services.GetService<EndpointPool>() : services.GetKeyedService<EndpointPool>(serviceKey);
        return pool is null && services.GetKeyedService<Resolution>(serviceKey ?? Options.Options.DefaultName) is null
            ? throw new InvalidOperationException(serviceKey is null
                ? "There is nothing to check: call AddAzureOpenAIRoundRobin on the services."
                : $"There is nothing to check: call AddKeyedAzureOpenAIRoundRobin on the services with the key '{serviceKey}'.")
            : pool;
    }
}
