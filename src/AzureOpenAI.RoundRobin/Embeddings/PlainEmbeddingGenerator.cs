using System.Diagnostics.CodeAnalysis;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Transport;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Embeddings;

/// <summary>
/// The generator while the switch is off: the SDK's own. On the v1 route, where the service takes the caller's model for a deployment, Microsoft.Extensions.AI replaces it with
/// the deployment.
/// </summary>
internal static class PlainEmbeddingGenerator
{
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The generator that is returned disposes the one inside.")]
    public static IEmbeddingGenerator<string, Embedding<float>> Create(PoolSettings settings)
    {
        EndpointSettings endpoint = settings.Endpoints[0];
        IEmbeddingGenerator<string, Embedding<float>> generator = endpoint.EmbeddingGenerator is { } readyMade
            ? new LeftOpenEmbeddingGenerator(readyMade)
            : SdkClients.CreatePlain(endpoint, settings.HttpClient).GetEmbeddingClient(endpoint.Deployment).AsIEmbeddingGenerator();
        return endpoint.Kind == EndpointKind.Classic ? generator : new ConfigureOptionsEmbeddingGenerator<string, Embedding<float>>(generator, options =>
        {
            if (options.ModelId is { } model)
            {
                options.ModelId = endpoint.Deployments.GetValueOrDefault(model, endpoint.Kind == EndpointKind.V1 ? endpoint.Deployment! : model);
            }
        });
    }
}
