using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.Clients;

/// <summary>The rotation that everybody writes first.</summary>
internal sealed class NaiveRotation(IChatClient[] clients) : IChatClient
{
    private uint _cursor;

    private IChatClient Next => clients[Interlocked.Increment(ref _cursor) % (uint)clients.Length];

    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        Next.GetResponseAsync(messages, options, cancellationToken);

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        Next.GetStreamingResponseAsync(messages, options, cancellationToken);

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
        foreach (IChatClient client in clients)
        {
            client.Dispose();
        }
    }
}
