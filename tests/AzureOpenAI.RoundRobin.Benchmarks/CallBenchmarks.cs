using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>What a call costs over the bare client: with a task that is complete at once, and with one that is not.</summary>
public class CallBenchmarks
{
    private static readonly ChatMessage[] Messages = [new(ChatRole.User, "question")];

    private readonly CancellationTokenSource _caller = new();
    private IChatClient _client = null!;
    private CancellationToken _token;

    [Params("fake", "delegating", "ordered failover", "round robin")]
    public string Client { get; set; } = "";

    [Params(false, true)]
    public bool Asynchronous { get; set; }

    [Params(false, true)]
    public bool Cancellable { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _client = Peers.Create(Client, Asynchronous);
        _token = Cancellable ? _caller.Token : CancellationToken.None;
    }

    [Benchmark]
    public Task<ChatResponse> Call() => _client.GetResponseAsync(Messages, null, _token);

    [GlobalCleanup]
    public void Cleanup() => _client.Dispose();
}
