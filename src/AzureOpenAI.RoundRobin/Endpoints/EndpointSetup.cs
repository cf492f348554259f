using Microsoft.Extensions.AI;
using OpenAI;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>How an endpoint is asked, and how often, as the configuration says now. Swapped whole when that changes; what the endpoint has done and how it is stays.</summary>
internal sealed record EndpointSetup
{
    public required string Name { get; init; }

    /// <summary>Null for a ready-made embedding generator.</summary>
    public required IChatClient? ChatClient { get; init; }

    /// <summary>Null for a ready-made chat client.</summary>
    public IEmbeddingGenerator<string, Embedding<float>>? EmbeddingGenerator { get; init; }

    /// <summary>Null for a ready-made client.</summary>
    public OpenAIClient? Client { get; init; }

    public float? Temperature { get; init; }

    public int? MaxOutputTokens { get; init; }

    /// <summary>It says something of what callers leave open.</summary>
    public bool HasDefaults => Temperature is not null || MaxOutputTokens is not null;

    public int Weight { get; init; } = 1;

    public int Priority { get; init; }

    /// <summary>Null where it is not known; then it is learned. So is the next.</summary>
    public int? RequestsPerMinute { get; init; }

    public int? TokensPerMinute { get; init; }

    /// <summary>What it draws its place in a rendezvous order, by which conversations are spread from.</summary>
    public ulong Seed { get; init; }

    /// <summary>Where the conversations are noted that its client keeps; null where the pool built the client, which keeps none.</summary>
    public ConversationOwners? Conversations { get; init; }

    public override string ToString() => Name;
}
