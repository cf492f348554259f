using AzureOpenAI.Simulator;

namespace QuickStart;

/// <summary>Three simulated Azure OpenAI resources over real HTTP, in this process, put into the variables that the app reads.</summary>
internal sealed class SimulatedFleet : IAsyncDisposable
{
    private const string Connection = "AZURE_OPENAI_ROUND_ROBIN_CONNECTION";
    private const string Switch = "USE_AZURE_OPENAI_ROUND_ROBIN";

    private readonly AzureOpenAISimulator _azure;

    private SimulatedFleet(AzureOpenAISimulator azure) => _azure = azure;

    /// <returns>Null where anything in the environment is about real endpoints: also one variable of many, or a misspelt one, says that they are meant.</returns>
    public static async Task<SimulatedFleet?> StartIfNeededAsync()
    {
        string[] set = [.. Environment.GetEnvironmentVariables().Keys.Cast<string>()
            .Where(static name => name.Contains("AZURE_OPENAI", StringComparison.OrdinalIgnoreCase) && !IsUnset(name)).Order(StringComparer.Ordinal)];
        if (set.Length == 0)
        {
            return await StartAsync();
        }

        if (IsUnset(Connection) || IsUnset(Switch))
        {
            Console.WriteLine($"Nothing is simulated, since {string.Join(" and ", set)} {(set.Length == 1 ? "is" : "are")} set.");
        }

        return null;
    }

    /// <returns>What happened.</returns>
    public async Task<string> KillOneAsync()
    {
        await _azure["contoso-japan"].StopListeningAsync();
        return "contoso-japan fails: it resets its connections and refuses new ones.";
    }

    public ValueTask DisposeAsync() => _azure.DisposeAsync();

    private static async Task<SimulatedFleet> StartAsync()
    {
        AzureOpenAISimulator azure = await AzureOpenAISimulator.StartAsync(simulator =>
        {
            simulator.AddResource("contoso-sweden", Usual);
            simulator.AddResource("contoso-france", resource =>
            {
                resource.Latency = Latency.LogNormal(TimeSpan.FromMilliseconds(150), 0.35);
                resource.AddDeployment("gpt-4o", deployment =>
                {
                    deployment.RequestsPerMinute = 480;
                    deployment.RequestWindow = TimeSpan.FromSeconds(1);
                    deployment.ChunkLatency = Latency.Constant(TimeSpan.FromMilliseconds(5));
                });
            });
            simulator.AddResource("contoso-japan", Usual);
        });

        Environment.SetEnvironmentVariable(Switch, "true");
        Environment.SetEnvironmentVariable(Connection, $$"""
            [
              { "AZURE_OPENAI_ENDPOINT": "{{azure["contoso-sweden"].Endpoint}}", "AZURE_OPENAI_API_KEY": "{{azure["contoso-sweden"].ApiKey}}", "model": "gpt-4o", "name": "contoso-sweden" },
              { "AZURE_OPENAI_ENDPOINT": "{{azure["contoso-france"].Endpoint}}", "AZURE_OPENAI_API_KEY": "{{azure["contoso-france"].ApiKey}}", "model": "gpt-4o", "name": "contoso-france" },
              { "AZURE_OPENAI_ENDPOINT": "{{azure["contoso-japan"].Endpoint}}", "AZURE_OPENAI_API_KEY": "{{azure["contoso-japan"].ApiKey}}", "model": "gpt-4o", "name": "contoso-japan" }
            ]
            """);
        Console.WriteLine("No variable of AZURE_OPENAI is set, so three simulated resources are used.");
        Console.WriteLine("They answer with their name and the question. contoso-france has a low rate limit.");
        Console.WriteLine();
        return new SimulatedFleet(azure);

        static void Usual(ResourceOptions resource)
        {
            resource.Latency = Latency.LogNormal(TimeSpan.FromMilliseconds(150), 0.35);
            resource.AddDeployment("gpt-4o", deployment => deployment.ChunkLatency = Latency.Constant(TimeSpan.FromMilliseconds(5)));
        }
    }

    private static bool IsUnset(string variable) => string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable(variable));
}
