using Microsoft.Extensions.AI;
using OpenAI;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>The present configuration of an endpoint: its client, weight, priority and limits. Swapped whole; the endpoint's health and counts stay.</summary>
internal sealed record EndpointSetup
{
    /// <summary>What logs, metrics, statuses and exceptions call it: its name in the configuration, with the service tier where that is not the standard one.</summary>
    public required string Name { get; init; }

    /// <summary>Its name in the configuration.</summary>
    public string EntryName { get => field ?? Name; init; }

    /// <summary>Null for a ready-made embedding generator.</summary>
    public required IChatClient? ChatClient { get; init; }

    /// <summary>Null for a ready-made chat client.</summary>
    public IEmbeddingGenerator<string, Embedding<float>>? EmbeddingGenerator { get; init; }

    /// <summary>Null for a ready-made client.</summary>
    public OpenAIClient? Client { get; init; }

    public float? Temperature { get; init; }

    public int? MaxOutputTokens { get; init; }

    /// <summary>It has defaults for options that callers do not set.</summary>
    public bool HasDefaults => Temperature is not null || MaxOutputTokens is not null;

    public int Weight { get; init; } = 1;

    public int Priority { get; init; }

    /// <summary>Null where it is not configured; then the limit is learned.</summary>
    public int? RequestsPerMinute { get; init; }

    public int? TokensPerMinute { get; init; }

    /// <summary>The ids by which other processes know it; null for a ready-made client.</summary>
    public EndpointIds? Ids => LazyIds?.Value;

    /// <summary>They are hashes, which only a pool that shares asks for. Setups with one client share this object, so that they are equal.</summary>
    public Lazy<EndpointIds>? LazyIds { get; init; }

    /// <summary>Whether ids go out with the endpoint's mark.</summary>
    public bool MarksIds { get; init; }

    /// <summary>Where the conversations of its client are noted; null for one that keeps none, or whose ids are marked.</summary>
    public ConversationOwners? Conversations { get; init; }

    public override string ToString() => Name;
}
