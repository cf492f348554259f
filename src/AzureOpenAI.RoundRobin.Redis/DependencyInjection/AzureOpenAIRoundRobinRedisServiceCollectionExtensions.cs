using System.Diagnostics.Metrics;
using AzureOpenAI.RoundRobin;
using AzureOpenAI.RoundRobin.Redis;
using AzureOpenAI.RoundRobin.Redis.Connection;
using AzureOpenAI.RoundRobin.Redis.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Lets the pools of an app share over Redis, Valkey or Garnet what they find out about their endpoints.</summary>
public static class AzureOpenAIRoundRobinRedisServiceCollectionExtensions
{
    /// <summary>
    /// Lets all pools of the app share. The connection is the <see cref="IConnectionMultiplexer"/> of the container, which is not disposed; else the one that
    /// <see cref="RoundRobinRedisOptions.ConnectionString"/>, <c>AZURE_OPENAI_ROUND_ROBIN_REDIS</c> or the connection string <c>redis</c> describes.
    /// </summary>
    /// <remarks>
    /// Where none is configured, or while Redis is away, a warning is logged, and each process goes by its own calls. No call waits for Redis or fails because of it. Faults of the
    /// options stop the host at its start; where there is no host, the first resolve of a client throws. Registering twice adds nothing twice.
    /// </remarks>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the name of the fleet, or <see langword="null"/>.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> is <see langword="null"/>.</exception>
    public static IServiceCollection AddAzureOpenAIRoundRobinRedis(this IServiceCollection services, Action<RoundRobinRedisOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptions<RoundRobinRedisOptions>().ValidateOnStart();
        if (configure is not null)
        {
            services.Configure(configure);
        }

        services.TryAddSingleton(static provider => new ConnectionSource(provider));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<RoundRobinRedisOptions>, RedisOptionsValidator>(
            static provider => new RedisOptionsValidator(provider.GetRequiredService<ConnectionSource>())));
        services.TryAddSingleton(Create);
        services.TryAddSingleton<IPoolBackplane>(static provider => provider.GetRequiredService<RedisBackplane>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, StartUpRead>(static provider => new StartUpRead(
            provider, provider.GetRequiredService<RedisBackplane>(), provider.GetRequiredService<IOptions<RoundRobinRedisOptions>>().Value.StartWait, provider.GetService<TimeProvider>() ?? TimeProvider.System)));
        return services;
    }

    private static RedisBackplane Create(IServiceProvider provider)
    {
        RoundRobinRedisOptions options = provider.GetRequiredService<IOptions<RoundRobinRedisOptions>>().Value;
        TimeProvider time = provider.GetService<TimeProvider>() ?? TimeProvider.System;
        BackplaneReport report = new(provider.GetService<ILoggerFactory>(), ConnectedGauge.Of(provider.GetService<IMeterFactory>()), time, options.FleetName);
        return new RedisBackplane(provider.GetRequiredService<ConnectionSource>().Connection(options), options, time, report);
    }
}
