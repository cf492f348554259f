namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>The valid configuration of a registration, from all sources.</summary>
internal sealed class Resolution
{
    /// <summary>Off: <see cref="Settings"/> has exactly one endpoint, for the SDK's own client.</summary>
    public required bool IsEnabled { get; init; }

    public required PoolSettings Settings { get; init; }

    /// <summary>Warnings to log once, each as an entry of its own. They contain no keys.</summary>
    public required IReadOnlyList<string> Warnings { get; set; }

    /// <summary>Reads the same sources again for a running pool, with other options; the switch is not read again.</summary>
    public required Func<RoundRobinOptions, Resolution> Renew { get; init; }
}
