namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>What the sources come to, with every rule kept.</summary>
internal sealed class Resolution
{
    /// <summary>Off: <see cref="Settings"/> has exactly one endpoint, for the SDK's own client.</summary>
    public required bool IsEnabled { get; init; }

    public required PoolSettings Settings { get; init; }

    /// <summary>To be logged once, each on its own. Free of keys.</summary>
    public required IReadOnlyList<string> Warnings { get; set; }

    /// <summary>Reads the same sources again, for a pool that runs: with other options, and with the switch left as it was.</summary>
    public required Func<RoundRobinOptions, Resolution> Renew { get; init; }
}
