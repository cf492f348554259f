using AzureOpenAI.Simulator;

namespace Agent;

/// <summary>Three simulated Azure OpenAI resources over real HTTP, in this process, put into the variables that the app and the second process read.</summary>
internal sealed class SimulatedFleet : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly AzureOpenAISimulator _azure;

    private SimulatedFleet(AzureOpenAISimulator azure) => _azure = azure;

    /// <returns>Null where any variable is about Azure OpenAI: then real endpoints are meant.</returns>
    public static async Task<SimulatedFleet?> StartIfNeededAsync()
    {
        if (Environment.GetEnvironmentVariables().Keys.Cast<string>().Any(static name => name.Contains("AZURE_OPENAI", StringComparison.OrdinalIgnoreCase)))
        {
            return null;
        }

        AzureOpenAISimulator azure = await AzureOpenAISimulator.StartAsync(static simulator =>
        {
            simulator.AddResource("contoso-sweden").AddResource("contoso-france").AddResource("contoso-japan");
            simulator.Respond(Answer);
        });
        IEnumerable<string> endpoints = azure.Resources.Select(static resource =>
            $$"""{ "AZURE_OPENAI_ENDPOINT": "{{resource.Endpoint}}", "AZURE_OPENAI_API_KEY": "{{resource.ApiKey}}", "model": "gpt-4o", "name": "{{resource.Name}}" }""");
        Environment.SetEnvironmentVariable("USE_AZURE_OPENAI_ROUND_ROBIN", "true");
        Environment.SetEnvironmentVariable("AZURE_OPENAI_ROUND_ROBIN_CONNECTION", $"[{string.Join(',', endpoints)}]");
        Console.WriteLine("No variable of AZURE_OPENAI is set, so three simulated resources are used.");
        return new SimulatedFleet(azure);
    }

    /// <summary>A resource rejects its next call, which is to wait.</summary>
    public void Throttle(string resource)
    {
        _azure[resource].Faults.Add(Fault.Throttle(Pause).Times(1));
        Console.WriteLine($"{resource} throttles: its next call is to wait for {Pause.TotalSeconds} s.");
    }

    public ValueTask DisposeAsync() => _azure.DisposeAsync();

    /// <summary>A question about a city is answered by a call of the tool, and the result of the tool by a sentence. Any other question is one about those before it.</summary>
    private static ChatReply Answer(ChatRequest request)
    {
        string[] cities = [.. request.Messages.Where(static message => message.Role == "user").Select(static message => message.Text.Split(" in ")).Where(static parts => parts.Length == 2)
            .Select(static parts => parts[1].TrimEnd('?'))];
        return request.Messages[^1] is { Role: "tool" } read ? $"It is {read.Text} degrees in {cities[^1]}."
            : request.LastUserText.Contains(" in ", StringComparison.Ordinal) ? ChatReply.FromToolCalls(new ReplyToolCall(request.ToolNames[0], $$"""{"city":"{{cities[^1]}}"}"""))
            : $"{string.Join(" and ", cities)}.";
    }
}
