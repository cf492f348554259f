using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>The clients that each benchmark sets side by side, over three fakes.</summary>
internal static class Peers
{
    public static IEnumerable<string> Names => ["fake", "delegating", "rotation by hand", "routing", "ordered failover", "round robin"];

    public static IChatClient Create(string name, bool isAsynchronous)
    {
        IChatClient[] fakes = [new FakeClient(isAsynchronous), new FakeClient(isAsynchronous), new FakeClient(isAsynchronous)];
        return name switch
        {
            "fake" => fakes[0],
            "delegating" => new Passing(fakes[0]),
            "rotation by hand" => new Rotating(fakes),
            "routing" => Routing(fakes),
            "ordered failover" => new OrderedFailoverChatClient(fakes),
            "round robin" => new RoundRobinChatClient(fakes),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, "Unknown peer."),
        };
    }

    public static IChatClient Rotation(IChatClient[] clients) => new Rotating(clients);

    private static RoutingChatClient Routing(IChatClient[] clients)
    {
        uint cursor = 0;
        return RoutingChatClient.Create((_, _) => new(clients[Interlocked.Increment(ref cursor) % (uint)clients.Length]));
    }

    private sealed class Passing(IChatClient inner) : DelegatingChatClient(inner);

    /// <summary>The least that takes turns: no failover, no memory, no accounts.</summary>
    private sealed class Rotating(IChatClient[] clients) : IChatClient
    {
        private readonly IChatClient[] _clients = clients;
        private uint _cursor;

        private IChatClient Next => _clients[Interlocked.Increment(ref _cursor) % (uint)_clients.Length];

        public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
            Next.GetResponseAsync(messages, options, cancellationToken);

        public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
            Next.GetStreamingResponseAsync(messages, options, cancellationToken);

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
