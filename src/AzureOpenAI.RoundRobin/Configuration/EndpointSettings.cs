using System.Collections.Frozen;
using System.Diagnostics;
using Azure.Core;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>One endpoint with all defaults set and all rules checked. A class, since a record would print its key.</summary>
[DebuggerDisplay("{Name,nq}")]
internal sealed class EndpointSettings
{
    public required string Name { get; init; }

    /// <summary>The user chose the name; otherwise it is derived from the address.</summary>
    public bool HasOwnName { get; init; }

    public required EndpointKind Kind { get; init; }

    /// <summary>What chat calls speak there. Of a ready-made client it is not known here.</summary>
    public EndpointApi Api { get; init; }

    /// <summary>Without user information, query and fragment, and with a slash at the end. Null for a ready-made client only.</summary>
    public Uri? Address { get; init; }

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    public string? ApiKey { get; init; }

    /// <summary>Null where there is a key.</summary>
    public TokenCredential? Credential { get; init; }

    /// <summary>What <see cref="Credential"/> is asked for a token of; null where there is no credential.</summary>
    public string? CredentialScope { get; init; }

    public IChatClient? ChatClient { get; init; }

    public IEmbeddingGenerator<string, Embedding<float>>? EmbeddingGenerator { get; init; }

    /// <summary>The deployment of calls that name no model. Null for a ready-made client without one.</summary>
    public string? Deployment { get; init; }

    /// <summary>Model (case-insensitive) to deployment, for calls that name one.</summary>
    public FrozenDictionary<string, string> Deployments { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>Null: the SDK's default.</summary>
    public string? ApiVersion { get; init; }

    /// <summary>For calls to <see cref="Deployment"/>; mapped models get the value of the pool's options.</summary>
    public float? Temperature { get; init; }

    public int? MaxOutputTokens { get; init; }

    public int Weight { get; init; } = 1;

    public int Priority { get; init; }

    /// <summary>A limit of <see cref="Deployment"/>, as is the next.</summary>
    public int? RequestsPerMinute { get; init; }

    public int? TokensPerMinute { get; init; }

    public override string ToString() => Name;
}
