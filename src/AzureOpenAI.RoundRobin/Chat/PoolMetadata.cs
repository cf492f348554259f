using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>What a pool says of itself as one client: stable, and not whichever endpoint happens to be next.</summary>
internal static class PoolMetadata
{
    private const string AzureOpenAI = "azure.ai.openai";

    public static ChatClientMetadata Of(IReadOnlyList<Endpoint> endpoints)
    {
        string?[] models = [.. endpoints.Select(endpoint => endpoint.DeploymentName).Distinct()];
        return new ChatClientMetadata(AzureOpenAI, providerUri: null, models is [{ } model] ? model : null);
    }
}
