using AppHost;
using AzureOpenAI.Simulator;

// Two simulated resources in this process, in place of those that AddAzureOpenAI adds.
await using AzureOpenAISimulator azure = await AzureOpenAISimulator.StartAsync(static simulator => simulator.AddResource("sweden").AddResource("france"));

IDistributedApplicationBuilder builder = DistributedApplication.CreateBuilder(args);
IResourceBuilder<ProjectResource> api = builder.AddProject<Projects.AppHostApi>("api")
    .WithHttpEndpoint()
    .OnResourceReady(static (api, _, _) =>
    {
        Console.WriteLine($"Ask {api.GetEndpoint("http").Url}/ask?question=Hello");
        return Task.CompletedTask;
    });
foreach (SimulatedResource resource in azure.Resources)
{
    // The app gets it as ConnectionStrings:sweden, and names it in ConnectionNames.
    api.WithReference(builder.AddSimulatedAzureOpenAI(resource));
}

await using DistributedApplication app = builder.Build();
await app.RunAsync();
