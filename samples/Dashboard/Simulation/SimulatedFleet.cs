using AzureOpenAI.RoundRobin;
using AzureOpenAI.Simulator;

namespace Dashboard.Simulation;

/// <summary>Three simulated Azure OpenAI resources over real HTTP, in this process, each with room for 15 calls a second.</summary>
internal sealed class SimulatedFleet : IAsyncDisposable
{
    private const string Deployment = "gpt-4o";

    private readonly AzureOpenAISimulator _azure;

    private SimulatedFleet(AzureOpenAISimulator azure)
    {
        _azure = azure;
        Resources = [.. azure.Resources.Select(static resource => new TroubledResource(resource))];
    }

    public IReadOnlyList<TroubledResource> Resources { get; }

    public Ledger Ledger => _azure.Ledger;

    /// <summary>Whether neither configuration nor environment names real endpoints.</summary>
    public static bool IsNeeded(IConfiguration configuration) =>
        Array.TrueForAll(
            ["USE_AZURE_OPENAI_ROUND_ROBIN", "AZURE_OPENAI_ROUND_ROBIN_CONNECTION", "AZURE_OPENAI_ENDPOINT"],
            name => string.IsNullOrWhiteSpace(configuration[name]) && !configuration.GetSection(name).Exists());

    public static async Task<SimulatedFleet> StartAsync() => new(await AzureOpenAISimulator.StartAsync(static simulator =>
    {
        simulator.Respond(static request => ChatReply.FromText(SimulatedModel.Answer(request.LastUserText)));
        foreach (string name in (string[])["contoso-sweden", "contoso-france", "contoso-japan"])
        {
            simulator.AddResource(name, static resource => resource.AddDeployment(Deployment, static deployment =>
            {
                deployment.Latency = Latency.LogNormal(TimeSpan.FromMilliseconds(220), 0.4);
                deployment.ChunkLatency = Latency.Constant(TimeSpan.FromMilliseconds(15));
                deployment.RequestsPerMinute = 900;
                deployment.RequestWindow = TimeSpan.FromSeconds(1);
                deployment.PromptCacheExpiry = TimeSpan.FromMinutes(5);
            }));
        }
    }));

    public void AddTo(RoundRobinOptions options)
    {
        options.DeploymentName = Deployment;
        foreach (SimulatedResource resource in _azure.Resources)
        {
            options.Endpoints.Add(new EndpointOptions { Name = resource.Name, Endpoint = resource.Endpoint, ApiKey = resource.ApiKey });
        }
    }

    /// <summary>The variables by which another process finds the resources.</summary>
    public Dictionary<string, string> Variables() => new()
    {
        ["USE_AZURE_OPENAI_ROUND_ROBIN"] = "true",
        ["AZURE_OPENAI_ROUND_ROBIN_CONNECTION"] = "[" + string.Join(',', _azure.Resources.Select(static resource =>
            $$"""{ "name": "{{resource.Name}}", "AZURE_OPENAI_ENDPOINT": "{{resource.Endpoint}}", "AZURE_OPENAI_API_KEY": "{{resource.ApiKey}}", "model": "{{Deployment}}" }""")) + "]",
    };

    public async ValueTask DisposeAsync()
    {
        await _azure.DisposeAsync();
        foreach (TroubledResource resource in Resources)
        {
            resource.Dispose();
        }
    }
}
