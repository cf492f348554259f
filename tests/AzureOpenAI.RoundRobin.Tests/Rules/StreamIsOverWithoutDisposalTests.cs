using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A stream that is over is over without disposal, and one that was dropped when it is collected.</summary>
[Trait("Rule", "R14")]
public class StreamIsOverWithoutDisposalTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task EndedOrFailed_CountsNoMore(bool isAsynchronous, bool fails)
    {
        using FakePool pool = new(2);
        TaskCompletionSource gate = new();
        pool.Clients[0].OnStream = (_, _, _) => Gated(gate.Task, fails ? FakeFailure.Reset() : null);
        IAsyncEnumerator<ChatResponseUpdate> updates = Open(pool);
        Assert.True(await updates.MoveNextAsync());
        Assert.Equal(1, pool.InFlight);

        if (!isAsynchronous)
        {
            gate.SetResult();
        }

        Task<bool> move = updates.MoveNextAsync().AsTask();
        gate.TrySetResult();

        Assert.Equal(fails, await Record.ExceptionAsync(() => move) is ChatStreamInterruptedException);
        Assert.False(!fails && await move);
        Assert.Equal((0, fails ? 0L : 1L, fails ? 1L : 0L), (pool.StatusOf(0).InFlight, pool.StatusOf(0).Answered, pool.StatusOf(0).Failed));
        Assert.Equal(0, pool.Clients[0].EnumeratorsDisposed);
        await updates.DisposeAsync();
        Assert.Equal((0, 1), (pool.InFlight, pool.Clients[0].EnumeratorsDisposed));
    }

    [Fact]
    public async Task TimedOut_CountsNoMore()
    {
        using FakePool pool = new(2, static options => options.AttemptTimeout = TimeSpan.FromSeconds(1));
        pool.Clients[0].OnStream = (_, _, token) => Gated(new TaskCompletionSource().Task.WaitAsync(token), null);
        IAsyncEnumerator<ChatResponseUpdate> updates = Open(pool);
        Assert.True(await updates.MoveNextAsync());

        Task<bool> move = updates.MoveNextAsync().AsTask();
        pool.Time.Advance(TimeSpan.FromSeconds(1));

        await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => move);
        Assert.Equal(0, pool.InFlight);
        GC.KeepAlive(updates);
    }

    [Fact]
    public async Task EndedWithoutContent_CountsNoMoreWhileItIsPassedOn()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, token) => FakeChatClient.Updates(token, "", "");
        IAsyncEnumerator<ChatResponseUpdate> updates = Open(pool);

        Assert.True(await updates.MoveNextAsync());

        Assert.Equal((0, 1L), (pool.InFlight, pool.StatusOf(0).Answered));
        Assert.True(await updates.MoveNextAsync());
        Assert.False(await updates.MoveNextAsync());
    }

    [Fact]
    public async Task EndedWithoutDisposal_ObjectOfTheAttemptServesTheNext()
    {
        using FakePool pool = new(1);
        TaskCompletionSource gate = new();
        pool.Clients[0].OnStream = (_, _, _) => Gated(gate.Task, null);
        IAsyncEnumerator<ChatResponseUpdate> first = Open(pool), second = Open(pool);
        Assert.True(await first.MoveNextAsync());
        Task<bool> end = first.MoveNextAsync().AsTask();
        gate.SetResult();
        Assert.False(await end);

        Assert.True(await second.MoveNextAsync());
        await first.DisposeAsync();

        Assert.Equal(1, pool.InFlight);
        Assert.False(await second.MoveNextAsync());
        Assert.Equal((0, 2L), (pool.InFlight, pool.StatusOf(0).Answered));
    }

    [Theory]
    [InlineData("after content")]
    [InlineData("while it passes held updates on")]
    [InlineData("while it waits")]
    [InlineData("when its next update has come")]
    [InlineData("when its end has come")]
    public async Task Dropped_IsAbandonedWhenItIsCollected(string when)
    {
        using FakePool pool = new(2);
        TaskCompletionSource<bool> gate = new();
        pool.Clients[0].OnStream = (_, _, token) => when == "while it passes held updates on" ? FakeChatClient.Updates(token, "", "", "text") : When(gate.Task);
        await DropAsync(pool, waits: when.Contains("waits", StringComparison.Ordinal) || when.Contains("has come", StringComparison.Ordinal));
        Assert.Equal(1, pool.InFlight);

        if (when == "while it waits")
        {
            // Nobody can end the wait any more.
            gate = null!;
        }
        else
        {
            gate.SetResult(when == "when its next update has come");
        }

        await CollectAsync(() => pool.InFlight == 0);
        Assert.Equal((1L, 0L, EndpointState.Healthy), (pool.StatusOf(0).Answered, pool.StatusOf(0).Failed, pool.StateOf(0)));
        Assert.Equal("b", await pool.AskAsync());
    }

    [Fact]
    public async Task Dropped_PoolIsDisposed_ReleasesWhatItOwns()
    {
        FakePool pool = new(1);
        pool.Clients[0].OnStream = (_, _, _) => When(Task.FromResult(true));
        await DropAsync(pool, waits: false);

        pool.Dispose();

        await CollectAsync(() => pool.Released == 1);
    }

    [Fact]
    public async Task Dropped_CancelsWhatStillRuns()
    {
        using FakePool pool = new(1);
        CancellationToken seen = default;
        pool.Clients[0].OnStream = (_, _, token) =>
        {
            seen = token;
            return When(Task.FromResult(true));
        };
        await DropAsync(pool, waits: false);

        await CollectAsync(() => seen.IsCancellationRequested);
    }

    [Theory]
    [InlineData("ended")]
    [InlineData("threw")]
    [InlineData("timed out")]
    [InlineData("dropped")]
    public async Task FortyStreams_NoConversationMoves(string how)
    {
        const int Conversations = 20;
        using FakePool pool = new(2, static options => (options.Affinity, options.AttemptTimeout, options.MaxWait) = (EndpointAffinity.PromptCache, TimeSpan.FromSeconds(1), TimeSpan.Zero));
        string[] homes = new string[Conversations];
        for (int i = 0; i < Conversations; i++)
        {
            homes[i] = await pool.AskAsync(prompt: $"conversation {i}");
        }

        int streams = 0;
        foreach (FakeChatClient client in pool.Clients)
        {
            client.OnStream = (_, _, token) => how == "timed out" ? Gated(new TaskCompletionSource().Task.WaitAsync(token), null)
                : how == "threw" ? Gated(Task.CompletedTask, FakeFailure.Status(400)) : Gated(Task.CompletedTask, null);
        }

        for (; streams < 40; streams++)
        {
            await LeaveAsync(pool, $"conversation {streams % Conversations}", how);
        }

        await CollectAsync(() => pool.InFlight == 0);
        pool.Time.Advance(TimeSpan.FromMinutes(10));
        for (int i = 0; i < Conversations; i++)
        {
            Assert.Equal(homes[i], await pool.AskAsync(prompt: $"conversation {i}"));
        }
    }

    private static IAsyncEnumerator<ChatResponseUpdate> Open(FakePool pool, string prompt = "hi") =>
        pool.Client.GetStreamingResponseAsync(prompt, cancellationToken: Cancellation).GetAsyncEnumerator(Cancellation);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task DropAsync(FakePool pool, bool waits)
    {
        IAsyncEnumerator<ChatResponseUpdate> updates = Open(pool);
        Assert.True(await updates.MoveNextAsync());
        if (waits)
        {
#pragma warning disable CA2012 // Nobody ever fetches the result: that is the case.
            _ = updates.MoveNextAsync();
#pragma warning restore CA2012
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task LeaveAsync(FakePool pool, string prompt, string how)
    {
        IAsyncEnumerator<ChatResponseUpdate> updates = Open(pool, prompt);
        Assert.True(await updates.MoveNextAsync());
        if (how != "dropped")
        {
            Task<bool> move = updates.MoveNextAsync().AsTask();
            if (how == "timed out")
            {
                pool.Time.Advance(TimeSpan.FromSeconds(1));
            }

            Assert.Equal(how != "ended", await Record.ExceptionAsync(() => move) is not null);
            if (how == "timed out")
            {
                // Its endpoint is out after that, and the conversation elsewhere.
                pool.Time.Advance(TimeSpan.FromMinutes(10));
            }
        }
    }

    private static async Task CollectAsync(Func<bool> condition)
    {
        for (int i = 0; i < 200 && !condition(); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Yield();
        }

        Assert.True(condition());
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> Gated(Task gate, Exception? failure)
    {
        yield return new ChatResponseUpdate(ChatRole.Assistant, "x");
        await gate;
        if (failure is not null)
        {
            throw failure;
        }
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> When(Task<bool> more)
    {
        do
        {
            yield return new ChatResponseUpdate(ChatRole.Assistant, "x");
        }
        while (await more);
    }
}
