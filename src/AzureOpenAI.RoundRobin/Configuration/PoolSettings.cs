using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>What a pool is built from: every default filled in, every rule checked.</summary>
internal sealed class PoolSettings
{
    public required IReadOnlyList<EndpointSettings> Endpoints { get; init; }

    public float? Temperature { get; init; }

    public int? MaxOutputTokens { get; init; }

    public TimeSpan MaxWait { get; init; } = TimeSpan.FromSeconds(30);

    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(100);

    public TimeSpan? FirstContentTimeout { get; init; }

    public int? MaxAttempts { get; init; }

    public EndpointAffinity Affinity { get; init; }

    public Func<IEnumerable<ChatMessage>, ChatOptions?, string?>? AffinityKey { get; init; }

    public HttpClient? HttpClient { get; init; }

    public override string ToString() => $"{Endpoints.Count} endpoints";
}
