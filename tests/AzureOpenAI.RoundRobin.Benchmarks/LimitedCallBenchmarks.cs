using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>A call at endpoints with a configured limit that is far away: each pick is made under the lock.</summary>
public class LimitedCallBenchmarks
{
    private static readonly ChatMessage[] Messages = [new(ChatRole.User, "question")];

    private RoundRobinChatClient _client = null!;

    [Params(3, 30, 1000)]
    public int Endpoints { get; set; }

    [Params(false, true)]
    public bool IsAsynchronous { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        RoundRobinOptions options = new();
        for (int i = 0; i < Endpoints; i++)
        {
            options.Endpoints.Add(new() { Name = $"{i}", ChatClient = new FakeClient(IsAsynchronous), RequestsPerMinute = int.MaxValue });
        }

        _client = new(new EndpointPool(options));
    }

    [Benchmark]
    public Task<ChatResponse> Call() => _client.GetResponseAsync(Messages);

    [GlobalCleanup]
    public void Cleanup() => _client.Dispose();
}
