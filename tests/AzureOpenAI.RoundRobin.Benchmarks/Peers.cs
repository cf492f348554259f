using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>The clients that each benchmark sets side by side, over three fakes.</summary>
internal static class Peers
{
    public static IChatClient Create(string name, bool isAsynchronous)
    {
        IChatClient[] fakes = [new FakeClient(isAsynchronous), new FakeClient(isAsynchronous), new FakeClient(isAsynchronous)];
        return name switch
        {
            "fake" => fakes[0],
            "delegating" => new Passing(fakes[0]),
            "ordered failover" => new OrderedFailoverChatClient(fakes),
            "round robin" => new RoundRobinChatClient(fakes),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, "Unknown peer."),
        };
    }

    private sealed class Passing(IChatClient inner) : DelegatingChatClient(inner);
}
