using System.ClientModel;
using AzureOpenAI.RoundRobin.Endpoints;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>What it costs to find whose turn it is: a few endpoints or a thousand, all fit or nearly all out.</summary>
public class PickBenchmarks
{
    private readonly object[] _bare = new object[3];
    private RoundRobinChatClient _client = null!;
    private Dispatcher _dispatcher = null!;
    private EndpointGroup _group = null!;
    private uint _cursor;

    /// <summary>Endpoints, and how many of them are out for an hour.</summary>
    [Params("3/0", "3/2", "1000/0", "1000/500", "1000/990")]
    public string Fleet { get; set; } = "";

    [GlobalSetup]
    public async Task Setup()
    {
        int[] fleet = [.. Fleet.Split('/').Select(int.Parse)];
        IChatClient[] clients = [.. Enumerable.Range(0, fleet[0]).Select(i => i * fleet[1] / fleet[0] != (i + 1) * fleet[1] / fleet[0] ? new RefusingClient() : (IChatClient)new FakeClient(false))];
        _client = new RoundRobinChatClient(clients);
        _dispatcher = _client.Pool.Dispatcher;
        _group = _client.Pool.DefaultGroup;
        for (int i = 0; i < 20 * fleet[0] && _group.Rotation.Count != fleet[0] - fleet[1]; i++)
        {
            await _client.GetResponseAsync("question");
        }

        if (_group.Rotation.Count != fleet[0] - fleet[1])
        {
            throw new InvalidOperationException($"{_group.Rotation.Count} endpoints are in the rotation, which is not what is measured.");
        }
    }

    [Benchmark(Baseline = true)]
    public object BareCursor() => _bare[Interlocked.Increment(ref _cursor) % (uint)_bare.Length];

    [Benchmark]
    public bool Pick() => _dispatcher.TryPick(_group, 0, out _);

    [GlobalCleanup]
    public void Cleanup() => _client.Dispose();

    /// <summary>Rejects as an endpoint does that has no such capacity for as long as the benchmark runs.</summary>
    private sealed class RefusingClient : DelegatingChatClient
    {
        public RefusingClient()
            : base(new FakeClient(false))
        {
        }

        public override Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
            Task.FromException<ChatResponse>(new ClientResultException("429", new TooManyRequests()));
    }
}
