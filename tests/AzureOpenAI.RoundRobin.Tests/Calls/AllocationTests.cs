using AzureOpenAI.RoundRobin.Endpoints;
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

    /// <summary>While limits apply each pick takes the lock. That costs time, but no object.</summary>
    [Theory(Skip = "The compiler did not optimize.", SkipWhen = nameof(IsDebug))]
    [InlineData("configured", false)]
    [InlineData("configured", true)]
    [InlineData("learned", false)]
    [InlineData("learned", true)]
    public void ACallAtLimitedEndpoints_AddsWhatAnyCallAdds(string limits, bool isAsynchronous)
    {
        double any = AddedTo(isAsynchronous, static client => client.GetResponseAsync(Messages));
        using RoundRobinChatClient pool = Pool(isAsynchronous, limits == "configured" ? int.MaxValue : null);
        if (limits == "learned")
        {
            Learn(pool.Pool);
        }

        Assert.Equal(any, AddedTo(pool, isAsynchronous, static client => client.GetResponseAsync(Messages)));
        Assert.Equal(long.MinValue, pool.Pool.DefaultPicker.NextEvent);
    }

    [Theory(Skip = "The compiler did not optimize.", SkipWhen = nameof(IsDebug))]
    [InlineData(false, 740)]
    [InlineData(true, 840)]
    public void ACallThatWaits_TakesAtMost(bool isCancellable, double most)
    {
        using CancellationTokenSource caller = new();
        CancellationToken token = isCancellable ? caller.Token : CancellationToken.None;
        using FakeChatClient refusing = new() { Fails = FakeFailure.RateLimited(TimeSpan.FromMinutes(4)) };
        using RoundRobinChatClient pool = new([refusing], new RoundRobinOptions { MaxWait = TimeSpan.FromHours(1), MaxWaiting = int.MaxValue });
        List<Task> waiting = [];

        double bytes = AllocatedBy(() => pool.GetResponseAsync(Messages, null, token), waiting, rounds: 30);

        Assert.Equal(waiting.Count, pool.Pool.WaitingCalls);
        Assert.True(bytes <= most, $"{bytes} B");
    }

    [Fact(Skip = "The compiler did not optimize.", SkipWhen = nameof(IsDebug))]
    public void AStatus_TakesAtMost()
    {
        using RoundRobinChatClient pool = Pool(isAsynchronous: true, requestsPerMinute: null);

        double bytes = AllocatedBy(() =>
        {
            _ = pool.Pool.GetStatus();
            return Task.CompletedTask;
        });

        Assert.InRange(bytes, 1, 1000);
    }

    private static RoundRobinChatClient Pool(bool isAsynchronous, int? requestsPerMinute)
    {
        RoundRobinOptions options = new();
        for (int i = 0; i < 3; i++)
        {
            options.Endpoints.Add(new() { Name = $"{i}", ChatClient = new SteppedClient(isAsynchronous), RequestsPerMinute = requestsPerMinute });
        }

        return new RoundRobinChatClient(new EndpointPool(options));
    }

    /// <summary>Each endpoint has rejected a call, of very many in a second.</summary>
    private static void Learn(EndpointPool pool)
    {
        pool.Balancer.Read(static (state, now) =>
        {
            foreach (Endpoint endpoint in state.Members.Endpoints)
            {
                endpoint.Capacity.Rejected(now, now, stated: TimeSpan.Zero, taken: 1e9);
                state.Changed(endpoint);
            }

            return 0;
        });
        pool.GetStatus();
    }

    private static double AddedTo(bool isAsynchronous, Func<IChatClient, Task> start)
    {
        using RoundRobinChatClient pool = Pool(isAsynchronous, requestsPerMinute: null);
        return AddedTo(pool, isAsynchronous, start);
    }

    private static double AddedTo(RoundRobinChatClient pool, bool isAsynchronous, Func<IChatClient, Task> start)
    {
        using SteppedClient bare = new(isAsynchronous);
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
    /// <param name="start">Makes the call.</param>
    /// <param name="waiting">Null where each call is over at once; else where those are put that wait.</param>
    /// <param name="rounds">How often the least is looked for.</param>
    private static double AllocatedBy(Func<Task> start, List<Task>? waiting = null, int rounds = 300)
    {
        waiting?.EnsureCapacity(rounds * Calls);
        long least = long.MaxValue;
        Thread thread = new(() =>
        {
            // The first rounds warm up: tiers of the compiler (in the background, so that a busy machine needs many), caches, statics.
            for (int round = 0; round < rounds; round++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                for (int i = 0; i < Calls; i++)
                {
                    Task call = start();
                    if (waiting is null)
                    {
                        SteppedClient.Run(call);
                    }
                    else
                    {
                        waiting.Add(call);
                    }
                }

                least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            }
        });
        thread.Start();
        thread.Join();
        return (double)least / Calls;
    }
}
