using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>What a stream of 20 updates costs over the bare client.</summary>
public class StreamBenchmarks
{
    private static readonly ChatMessage[] Messages = [new(ChatRole.User, "question")];

    private IChatClient _client = null!;

    [Params("fake", "delegating", "ordered failover", "round robin")]
    public string Client { get; set; } = "";

    [Params(false, true)]
    public bool Asynchronous { get; set; }

    [GlobalSetup]
    public void Setup() => _client = Peers.Create(Client, Asynchronous);

    [Benchmark]
    public async Task<int> Stream()
    {
        int count = 0;
        await foreach (ChatResponseUpdate update in _client.GetStreamingResponseAsync(Messages))
        {
            count += update.Contents.Count;
        }

        return count;
    }

    [GlobalCleanup]
    public void Cleanup() => _client.Dispose();
}
