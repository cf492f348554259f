using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>What it costs to keep a conversation at its endpoint: its key is the start of its prompt, or one that the caller names.</summary>
public class AffinityBenchmarks
{
    private static readonly ChatMessage[] Messages = [new(ChatRole.System, new string('s', 2000)), new(ChatRole.User, "question")];

    private RoundRobinChatClient _client = null!;
    private ChatOptions? _options;

    [Params("none", "by the prompt", "by a cache key")]
    public string Affinity { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _options = Affinity == "by a cache key" ? new() { AdditionalProperties = new() { ["prompt_cache_key"] = "conversation" } } : null;
        _client = new RoundRobinChatClient(
            [new FakeClient(false), new FakeClient(false), new FakeClient(false)],
            new RoundRobinOptions { Affinity = Affinity == "none" ? EndpointAffinity.None : EndpointAffinity.PromptCache });
    }

    [Benchmark]
    public Task<ChatResponse> Call() => _client.GetResponseAsync(Messages, _options);

    [GlobalCleanup]
    public void Cleanup() => _client.Dispose();
}
