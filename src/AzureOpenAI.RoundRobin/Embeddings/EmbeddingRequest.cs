using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Embeddings;

/// <summary>A batch as the caller gave it, and how it is put to an endpoint. Neither the values nor the options are ever changed.</summary>
internal readonly struct EmbeddingRequest(IReadOnlyCollection<string> values, EmbeddingGenerationOptions? options, bool modelIsMapped)
{
    private const int CharactersPerToken = 4;

    private readonly bool _modelIsMapped = modelIsMapped;

    public IReadOnlyCollection<string> Values { get; } = values;

    /// <summary>The caller's own.</summary>
    public EmbeddingGenerationOptions? Options { get; } = options;

    /// <summary>The caller names a model, and a 404 may be about that.</summary>
    public bool NamesModel => Options is { ModelId: not null };

    /// <summary>A sequence that can be read only once is read here, once, since an attempt reads it as often as it likes.</summary>
    public static IReadOnlyCollection<string> Repeatable(IEnumerable<string> values) => values as IReadOnlyCollection<string> ?? [.. values];

    /// <summary>
    /// The caller's options, or a copy with this endpoint's deployment. A v1 endpoint reads that from the body, so the name there is always ours;
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

    /// <summary>As the service reckons on arrival: a quarter of the characters of each value, rounded up.</summary>
    public long EstimateTokens()
    {
        long tokens = 0;
        foreach (string? value in Values)
        {
            tokens += ((value?.Length ?? 0) + CharactersPerToken - 1) / CharactersPerToken;
        }

        return Math.Max(tokens, 1);
    }

    /// <summary>Tells requests apart well enough to see that two of them met the same refusal.</summary>
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
