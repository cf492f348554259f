using OpenAI;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Represents a pre-built client of the pool, with what one needs to call it. Immutable; the pool owns the client's transport.
/// </summary>
public sealed class PooledClient
{
    internal PooledClient(OpenAIClient client, string deploymentName, string endpointName)
    {
        Client = client;
        DeploymentName = deploymentName;
        EndpointName = endpointName;
    }

    /// <summary>Gets the client: an <see cref="Azure.AI.OpenAI.AzureOpenAIClient"/>, or an <see cref="OpenAIClient"/> for a v1 endpoint. It makes no retries of its own.</summary>
    public OpenAIClient Client { get; }

    /// <summary>Gets the deployment to ask the client for.</summary>
    public string DeploymentName { get; }

    /// <summary>Gets the name of the endpoint.</summary>
    public string EndpointName { get; }

    /// <summary>Returns the endpoint's name.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => EndpointName;
}
