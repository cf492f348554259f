using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Pool;

/// <summary>The metadata of a pool as one client: the same for every call, whichever endpoint is next.</summary>
internal static class PoolMetadata
{
    private const string AzureOpenAI = "azure.ai.openai";

    public static ChatClientMetadata OfChat(IReadOnlyList<Endpoint> endpoints) => new(AzureOpenAI, providerUri: null, ModelOf(endpoints));

    public static EmbeddingGeneratorMetadata OfEmbeddings(IReadOnlyList<Endpoint> endpoints) => new(AzureOpenAI, providerUri: null, ModelOf(endpoints));

    private static string? ModelOf(IReadOnlyList<Endpoint> endpoints)
    {
        string?[] models = [.. endpoints.Select(endpoint => endpoint.DeploymentName).Distinct()];
        return models is [{ } model] ? model : null;
    }
}
