using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>What a stream of 20 updates costs over the bare client.</summary>
public class StreamBenchmarks
{
    private static readonly ChatMessage[] Messages = [new(ChatRole.User, "question")];

    private IChatClient _client = null!;
    private ChatOptions? _options;
    private CancellationToken _token;

    public static IEnumerable<Situation> Situations => Situation.All;

    public static IEnumerable<string> Clients => Peers.Names;

    [ParamsSource(nameof(Situations))]
    public Situation Case { get; set; } = null!;

    [ParamsSource(nameof(Clients))]
    public string Client { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _client = Peers.Create(Client, Case.IsAsynchronous);
        _options = Case.Options;
        _token = Case.Token;
    }

    [Benchmark]
    public Task<int> Stream() => _client.GetStreamingResponseAsync(Messages, _options, _token).CountContentsAsync();

    [GlobalCleanup]
    public void Cleanup() => _client.Dispose();
}
