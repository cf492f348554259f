using System.ClientModel;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>Rejects as an endpoint does that has no capacity for minutes.</summary>
internal sealed class RefusingClient : DelegatingChatClient
{
    public RefusingClient()
        : base(new FakeClient(false))
    {
    }

    public override Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        Task.FromException<ChatResponse>(new ClientResultException("429", new TooManyRequests()));
}
