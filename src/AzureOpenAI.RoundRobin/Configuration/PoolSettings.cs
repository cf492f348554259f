using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>What a pool is built from: every default filled in, every rule checked.</summary>
internal sealed record PoolSettings
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

    public Func<Exception, EndpointFailureReason?>? ClassifyException { get; init; }

    public HttpClient? HttpClient { get; init; }

    /// <summary>What a factory made <see cref="HttpClient"/> for; null where it was given.</summary>
    public string? HttpClientName { get; init; }

    /// <summary>A factory makes another client each time that it is asked, for the same transport: the one in use will do.</summary>
    public PoolSettings WithTransportOf(PoolSettings before) =>
        HttpClientName is not null && HttpClientName == before.HttpClientName ? this with { HttpClient = before.HttpClient } : this;

    public override string ToString() => $"{Endpoints.Count} endpoints";
}
