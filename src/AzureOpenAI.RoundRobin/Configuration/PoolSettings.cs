using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>The settings of a pool, with all defaults set and all rules checked.</summary>
internal sealed record PoolSettings
{
    public required IReadOnlyList<EndpointSettings> Endpoints { get; init; }

    /// <summary>Where endpoints speak different ones: that of calls that name no model.</summary>
    public EndpointApi Api { get; init; }

    public float? Temperature { get; init; }

    public int? MaxOutputTokens { get; init; }

    public TimeSpan MaxWait { get; init; } = TimeSpan.FromSeconds(30);

    public int MaxWaiting { get; init; } = 10_000;

    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(100);

    public TimeSpan? FirstContentTimeout { get; init; }

    public int? MaxAttempts { get; init; }

    public EndpointAffinity Affinity { get; init; }

    public Func<IEnumerable<ChatMessage>, ChatOptions?, string?>? AffinityKey { get; init; }

    public bool MarkIds { get; init; } = true;

    public bool ResumeStreams { get; init; }

    public bool FallBackFromFlex { get; init; }

    public Func<Exception, EndpointFailureReason?>? ClassifyException { get; init; }

    public IPoolBackplane? Backplane { get; init; }

    public HttpClient? HttpClient { get; init; }

    /// <summary>The name for which a factory created <see cref="HttpClient"/>; null where the client was given.</summary>
    public string? HttpClientName { get; init; }

    /// <summary>The endpoints of calls that name no model: all, unless they speak different APIs.</summary>
    public IEnumerable<EndpointSettings> EndpointsOfTheApi => Endpoints.All(endpoint => endpoint.Kind == EndpointKind.ReadyMade || endpoint.Api != Api)
        ? Endpoints
        : Endpoints.Where(endpoint => endpoint.Kind == EndpointKind.ReadyMade || endpoint.Api == Api);

    /// <summary>Keeps the client in use, if it has the same name: a factory creates another client each time, over the same transport.</summary>
    public PoolSettings WithTransportOf(PoolSettings before) =>
        HttpClientName is not null && HttpClientName == before.HttpClientName ? this with { HttpClient = before.HttpClient } : this;

    public override string ToString() => $"{Endpoints.Count} endpoints";
}
