using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Redis;

/// <summary>Options of the processes that share over Redis what they learn of their endpoints.</summary>
public sealed class RoundRobinRedisOptions
{
    /// <summary>Gets or sets the name that processes have in common which share.</summary>
    /// <value>The default is <c>default</c>. Give each environment that uses the same Redis its own.</value>
    public string FleetName { get; set; } = "default";

    /// <summary>Gets or sets how long the start of the host may wait until the process knows what the others have found.</summary>
    /// <value>The default is 100 milliseconds, and zero does not wait. No call ever waits for it, and without a host nothing does.</value>
    public TimeSpan StartWait { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Gets or sets whether the process tells which endpoints it finds unavailable, and believes the others.</summary>
    /// <value>The default is <see langword="true"/>.</value>
    public bool ShareFaults { get; set; } = true;

    /// <summary>Gets or sets whether <c>RequestsPerMinute</c> and <c>TokensPerMinute</c> of an endpoint hold for all processes together.</summary>
    /// <value>The default is <see langword="true"/>. Where it is <see langword="false"/> each process keeps the whole limit for itself. Where <see cref="ShareFaults"/> is too, no connection is opened.</value>
    public bool ShareLimits { get; set; } = true;

    /// <summary>Gets or sets how long a call that waits for its turn at a configured limit may wait for the answer of Redis. After it the process keeps its share of the limit by itself until the answer comes, which still counts.</summary>
    /// <value>The default is 50 milliseconds. It is from 5 milliseconds to 1 second. No other call waits for Redis.</value>
    public TimeSpan AskTimeout { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Gets or sets the key of the <see cref="IConnectionMultiplexer"/> in the service collection.</summary>
    /// <value>The default is <see langword="null"/>: the one without a key. It is not disposed.</value>
    public object? ServiceKey { get; set; }

    /// <summary>Gets or sets how to connect where the service collection has no <see cref="IConnectionMultiplexer"/>. It is a secret, and never logged.</summary>
    /// <value>The default is <see langword="null"/>: the variable <c>AZURE_OPENAI_ROUND_ROBIN_REDIS</c>, else the connection string <c>redis</c> of the app's configuration.</value>
    public string? ConnectionString { get; set; }
}
