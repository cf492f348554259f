using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Embeddings;

/// <summary>The caller's batch, and the options that each endpoint gets. The caller's values and options are never changed.</summary>
internal readonly struct EmbeddingRequest(IReadOnlyCollection<string> values, EmbeddingGenerationOptions? options, bool modelIsMapped)
{
    private const int CharactersPerToken = 4;

    private readonly bool _modelIsMapped = modelIsMapped;

    public IReadOnlyCollection<string> Values { get; } = values;

    /// <summary>The caller's options.</summary>
    public EmbeddingGenerationOptions? Options { get; } = options;

    /// <summary>The caller names a model, and a 404 may be about that.</summary>
    public bool NamesModel => Options is { ModelId: not null };

    /// <summary>Copies a sequence that may be readable only once, since each attempt reads it.</summary>
    public static IReadOnlyCollection<string> Repeatable(IEnumerable<string> values) => values as IReadOnlyCollection<string> ?? [.. values];

    /// <summary>
    /// The caller's options, or a copy with this endpoint's deployment. A v1 endpoint reads that from the body, so the name there is always the endpoint's own;
    /// a classic one reads it from the path, and a model that is not mapped goes to it as the caller wrote it, as with the SDK's own generator.
    /// </summary>
    public EmbeddingGenerationOptions? OptionsFor(Endpoint endpoint)
    {
        if (Options?.ModelId is not { } model || endpoint.DeploymentName is not { } deployment || model == deployment
            || (endpoint.Kind != EndpointKind.V1 && !_modelIsMapped))
        {
            return Options;
        }

        EmbeddingGenerationOptions copy = Options.Clone();
        copy.ModelId = deployment;
        return copy;
    }

    /// <summary>The estimate that the service makes on arrival: a quarter of the characters of each value, rounded up.</summary>
    public long EstimateTokens()
    {
        long tokens = 0;
        foreach (string? value in Values)
        {
            tokens += ((value?.Length ?? 0) + CharactersPerToken - 1) / CharactersPerToken;
        }

        return Math.Max(tokens, 1);
    }

    /// <summary>A hash that differs between different requests, to see whether two that were refused were different ones.</summary>
    public int Fingerprint()
    {
        HashCode hash = default;
        foreach (string value in Values)
        {
            hash.Add(value, StringComparer.Ordinal);
        }

        return hash.ToHashCode();
    }
}
