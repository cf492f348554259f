using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Attempts;

/// <summary>What a call costs that meets no trouble.</summary>
public class AllocationTests
{
    [Fact]
    public void ACall_WhoseAnswerIsThereAtOnce_AllocatesNothing()
    {
        Task<ChatResponse> answer = Task.FromResult(FakeChatClient.Answer("x"));
        using RoundRobinChatClient client = new([new Quiet(answer), new Quiet(answer), new Quiet(answer)]);
        ChatMessage[] messages = [new(ChatRole.User, "hi")];
        Assert.Equal(0, AllocatedBy(() => _ = client.GetResponseAsync(messages, cancellationToken: CancellationToken.None)));
    }

    [Fact]
    public void ACall_WithATokenThatCanBeCancelled_AllocatesNothingEither()
    {
        Task<ChatResponse> answer = Task.FromResult(FakeChatClient.Answer("x"));
        using RoundRobinChatClient client = new([new Quiet(answer), new Quiet(answer)]);
        using CancellationTokenSource caller = new();
        ChatMessage[] messages = [new(ChatRole.User, "hi")];

        Assert.Equal(0, AllocatedBy(() => _ = client.GetResponseAsync(messages, cancellationToken: caller.Token)));
    }

    [Fact]
    public void Next_OfAPool_AllocatesOnlyWhatItHandsOut()
    {
        using ServicePool pool = new(["one", "two"]);

        Assert.InRange(AllocatedBy(() => _ = pool.Pool.Next()), 0, 1000 * 64);
    }

    private static long AllocatedBy(Action action)
    {
        long least = long.MaxValue;
        // The first rounds warm up: tiers of the compiler, caches, statics.
        for (int round = 0; round < 20; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 1000; i++)
            {
                action();
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }

    private sealed class Quiet(Task<ChatResponse> answer) : IChatClient
    {
        public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => answer;

        public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
