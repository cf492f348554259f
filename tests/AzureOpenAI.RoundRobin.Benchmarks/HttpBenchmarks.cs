using System.ClientModel;
using Azure.AI.OpenAI;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>Endpoints that the pool builds, over HTTP on loopback, beside the SDK's own client. The bytes are what to compare.</summary>
public class HttpBenchmarks
{
    private static readonly ChatMessage[] Messages = [new(ChatRole.User, "question")];

    /// <summary>Addresses of one length, so that their bytes are the same for all clients.</summary>
    private static readonly string[] Paths = ["east", "west", "here"];

    private CannedServer _server = null!;
    private IChatClient _client = null!;

    [Params("plain", "round robin", "round robin, affinity")]
    public string Client { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _server = new CannedServer();
        _client = Client == "plain"
            ? new AzureOpenAIClient(new Uri(_server.Address, Paths[0]), new ApiKeyCredential("key")).GetChatClient("gpt").AsIChatClient()
            : new RoundRobinChatClient(new EndpointPool(Options()));
    }

    [Benchmark]
    public Task<ChatResponse> Call() => _client.GetResponseAsync(Messages);

    [Benchmark]
    public Task<int> Stream() => _client.GetStreamingResponseAsync(Messages).CountContentsAsync();

    [GlobalCleanup]
    public void Cleanup()
    {
        _client.Dispose();
        _server.Dispose();
    }

    private RoundRobinOptions Options()
    {
        RoundRobinOptions options = new() { DeploymentName = "gpt", Affinity = Client.EndsWith("affinity", StringComparison.Ordinal) ? EndpointAffinity.PromptCache : EndpointAffinity.None };
        foreach (string path in Paths)
        {
            options.Endpoints.Add(new() { Name = path, Endpoint = new Uri(_server.Address, path), ApiKey = "key" });
        }

        return options;
    }
}
