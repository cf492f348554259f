using AzureOpenAI.Simulator;

namespace AppHost;

/// <summary>A simulated Azure OpenAI resource as a resource of the AppHost. Its connection string has the form of Azure's.</summary>
internal sealed class SimulatedAzureOpenAI(SimulatedResource simulated, string deployment) : Resource(simulated.Name), IResourceWithConnectionString
{
    public ReferenceExpression ConnectionStringExpression { get; } = ReferenceExpression.Create($"Endpoint={simulated.Endpoint.AbsoluteUri};Key={simulated.ApiKey};Deployment={deployment}");
}

/// <summary>Adds the resource, which runs already.</summary>
internal static class SimulatedAzureOpenAIExtensions
{
    public static IResourceBuilder<SimulatedAzureOpenAI> AddSimulatedAzureOpenAI(this IDistributedApplicationBuilder builder, SimulatedResource resource, string deployment = "gpt-4o") =>
        builder.AddResource(new SimulatedAzureOpenAI(resource, deployment)).WithInitialState(new CustomResourceSnapshot
        {
            ResourceType = "Simulated Azure OpenAI",
            State = KnownResourceStates.Running,
            Properties = [],
            Urls = [new UrlSnapshot("http", resource.Endpoint.AbsoluteUri, IsInternal: false)],
        });
}
