using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Calls;

/// <summary>Bytes that a call with and without affinity allocates.</summary>
public class AffinityAllocationTests
{
    [Fact]
    public async Task Call_WithoutAffinity_AllocatesNothing()
    {
        using RoundRobinChatClient client = new([new InstantClient(), new InstantClient(), new InstantClient()]);

        Assert.Equal(0, await AllocatedAsync(client));
    }

    [Fact]
    public async Task Call_WithAffinity_AllocatesNoMoreThanAnEnumerator()
    {
        using RoundRobinChatClient client = new([new InstantClient(), new InstantClient(), new InstantClient()], new() { Affinity = EndpointAffinity.PromptCache });

        Assert.InRange(await AllocatedAsync(client), 0, 40);
    }

    /// <summary>Bytes for a call that completes at once; not those of the look that the pool takes at all endpoints every few calls.</summary>
    private static async Task<long> AllocatedAsync(RoundRobinChatClient client)
    {
        ChatMessage[] messages = [new(ChatRole.User, "hi")];
        CancellationToken token = CancellationToken.None;
        await client.GetResponseAsync(messages, cancellationToken: token);
        long[] allocated = new long[1000];
        for (int i = 0; i < allocated.Length; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            _ = client.GetResponseAsync(messages, cancellationToken: token);
            allocated[i] = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Array.Sort(allocated);
        return allocated[allocated.Length / 2];
    }

    private sealed class InstantClient : IChatClient
    {
        private static readonly Task<ChatResponse> Answer = Task.FromResult(FakeChatClient.Answer("hi"));

        public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => Answer;

        public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
