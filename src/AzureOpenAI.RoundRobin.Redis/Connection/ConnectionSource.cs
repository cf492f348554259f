using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Redis.Connection;

/// <summary>Says where the connection of a registration comes from: the container, else the options, else the app's configuration. No text of it holds a connection string.</summary>
internal sealed class ConnectionSource(IServiceProvider services)
{
    public const string Variable = "AZURE_OPENAI_ROUND_ROBIN_REDIS";
    private const string ConnectionName = "redis";

    /// <summary>What is wrong with the configured connection, if anything; none at all is no fault.</summary>
    public string? Fault(RoundRobinRedisOptions options)
    {
        if (IsRegistered(options))
        {
            return null;
        }

        if (options.ServiceKey is not null)
        {
            return $"No IConnectionMultiplexer is registered with the ServiceKey '{options.ServiceKey}'.";
        }

        return Find(options) is { } text && Parse(text) is null
            ? "The connection string of Redis cannot be read: it is host:port, and after commas options such as password=...,ssl=true. It is not shown, since it may hold a password."
            : null;
    }

    /// <summary>How to connect; null where nothing is configured.</summary>
    public RedisConnection? Connection(RoundRobinRedisOptions options)
    {
        if (IsRegistered(options))
        {
            // Asked for when it is needed, in the background: a factory that connects may wait, or throw while Redis is away.
            return RedisConnection.Of(() => options.ServiceKey is { } key ? services.GetRequiredKeyedService<IConnectionMultiplexer>(key) : services.GetRequiredService<IConnectionMultiplexer>());
        }

        return Find(options) is { } text && Parse(text) is { } parsed ? RedisConnection.Open(parsed) : null;
    }

    private bool IsRegistered(RoundRobinRedisOptions options) => options.ServiceKey is { } key
        ? services.GetService<IServiceProviderIsKeyedService>()?.IsKeyedService(typeof(IConnectionMultiplexer), key) is true
        : services.GetService<IServiceProviderIsService>()?.IsService(typeof(IConnectionMultiplexer)) is true;

    private string? Find(RoundRobinRedisOptions options)
    {
        IConfiguration? configuration = services.GetService<IConfiguration>();
        string?[] candidates = [options.ConnectionString, configuration?[Variable], Environment.GetEnvironmentVariable(Variable), configuration?.GetConnectionString(ConnectionName)];
        return Array.Find(candidates, static text => !string.IsNullOrWhiteSpace(text));
    }

    private static ConfigurationOptions? Parse(string text)
    {
        try
        {
            ConfigurationOptions parsed = ConfigurationOptions.Parse(text.Trim());
            return parsed.EndPoints.Count > 0 ? parsed : null;
        }
#pragma warning disable CA1031 // Whatever it throws may quote the text.
        catch
#pragma warning restore CA1031
        {
            return null;
        }
    }
}
