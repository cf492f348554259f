using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Calls;

/// <summary>
/// What a call costs that meets no trouble, in bytes over the bare client. Without optimization the compiler makes objects of state machines, so there it says
/// nothing. Nothing of xunit is called while bytes are counted: whether its assertions allocate depends on how they are compiled at that moment.
/// </summary>
public class AllocationTests
{
    private const int Calls = 512;

    public static bool IsDebug =>
#if DEBUG
        true;
#else
        false;
#endif

    private static readonly ChatMessage[] Messages = [new(ChatRole.User, "hi")];

    [Theory(Skip = "The compiler did not optimize.", SkipWhen = nameof(IsDebug))]
    [InlineData(false, false, 0)]
    [InlineData(false, true, 0)]
    [InlineData(true, false, 200)]
    [InlineData(true, true, 400)]
    public void ACall_AddsAtMost(bool isAsynchronous, bool canBeCancelled, int most)
    {
        using CancellationTokenSource caller = new();
        CancellationToken token = canBeCancelled ? caller.Token : CancellationToken.None;

        Assert.InRange(AddedTo(isAsynchronous, client => client.GetResponseAsync(Messages, null, token)), 0, most);
    }

    [Theory(Skip = "The compiler did not optimize.", SkipWhen = nameof(IsDebug))]
    [InlineData(false, 266)] // 450 B in all, of which the bare stream takes 184
    [InlineData(true, 106)] // and 344 where it is asynchronous
    public void AStream_AddsAtMost(bool isAsynchronous, int most) =>
        Assert.InRange(AddedTo(isAsynchronous, static client => ReadAsync(client)), 0, most);

    [Fact]
    public void Next_OfAPool_AllocatesOnlyWhatItHandsOut()
    {
        using ServicePool pool = new(["one", "two"]);

        Assert.InRange(
            AllocatedBy(() =>
            {
                _ = pool.Pool.Next();
                return Task.CompletedTask;
            }),
            0, 64);
    }

    private static double AddedTo(bool isAsynchronous, Func<IChatClient, Task> start)
    {
        using SteppedClient bare = new(isAsynchronous);
        using RoundRobinChatClient pool = new([new SteppedClient(isAsynchronous), new SteppedClient(isAsynchronous), new SteppedClient(isAsynchronous)]);
        return AllocatedBy(() => start(pool)) - AllocatedBy(() => start(bare));
    }

    private static async Task ReadAsync(IChatClient client)
    {
        int count = 0;
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(Messages).ConfigureAwait(false))
        {
            count += update.Contents.Count;
        }

        if (count != SteppedClient.Updates)
        {
            throw new InvalidOperationException($"{count} updates came.");
        }
    }

    /// <summary>Bytes for each call, on a thread of its own: there is no context that would send continuations elsewhere.</summary>
    private static double AllocatedBy(Func<Task> start)
    {
        long least = long.MaxValue;
        Thread thread = new(() =>
        {
            // The first rounds warm up: tiers of the compiler (in the background, so that a busy machine needs many), caches, statics.
            for (int round = 0; round < 300; round++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                for (int i = 0; i < Calls; i++)
                {
                    SteppedClient.Run(start());
                }

                least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            }
        });
        thread.Start();
        thread.Join();
        return (double)least / Calls;
    }
}
