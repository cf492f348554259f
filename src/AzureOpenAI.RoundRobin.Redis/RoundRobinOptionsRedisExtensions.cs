using System.Diagnostics.CodeAnalysis;
using AzureOpenAI.RoundRobin.Redis;
using AzureOpenAI.RoundRobin.Redis.Connection;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin;

/// <summary>Lets a pool without a service collection share over Redis.</summary>
public static class RoundRobinOptionsRedisExtensions
{
    /// <summary>Sets <see cref="RoundRobinOptions.Backplane"/>, so that the pool tells other processes which endpoints it finds unavailable, and believes them.</summary>
    /// <param name="options">The options of the pool.</param>
    /// <param name="multiplexer">The connection, which stays the caller's. It should be made with <c>protocol=resp3</c> and <c>abortConnect=false</c>.</param>
    /// <param name="configure">Sets the fleet's name, or <see langword="null"/>. What is said of connections is not read.</param>
    /// <param name="loggerFactory">Where the state of the connection is logged, or <see langword="null"/> for nowhere.</param>
    /// <returns>The same options.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> or <paramref name="multiplexer"/> is <see langword="null"/>.</exception>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">The name of the fleet is at fault.</exception>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The connection stays the caller's.")]
    public static RoundRobinOptions UseRedis(
        this RoundRobinOptions options, IConnectionMultiplexer multiplexer, Action<RoundRobinRedisOptions>? configure = null, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(multiplexer);
        RoundRobinRedisOptions own = new();
        configure?.Invoke(own);
        RedisOptionsValidator.Check(own);
        options.Backplane = new RedisBackplane(
            RedisConnection.Of(() => multiplexer), own, TimeProvider.System, new BackplaneReport(loggerFactory, ConnectedGauge.Of(null), TimeProvider.System, own.FleetName));
        return options;
    }
}
