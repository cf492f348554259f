using System.ClientModel;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Chat;

/// <summary>The wait for a stream's next update, and the reuse of its object.</summary>
public class PendingUpdateTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Wait_OneAfterTheOther_GivesEachItsOwn(bool arrivesFirst)
    {
        PendingUpdate pending = new();
        Taker taker = new();
        for (int i = 0; i < 10; i++)
        {
            TaskCompletionSource<bool> move = new();
            ValueTask<bool> wait = pending.Wait(new(move.Task), taker);
            Assert.True(pending.IsAwaited);
            if (arrivesFirst)
            {
                move.SetResult(i % 3 == 0);
                Assert.Equal(i % 3 == 0, await wait);
            }
            else
            {
                Task<bool> waiting = wait.AsTask();
                Assert.False(waiting.IsCompleted);
                move.SetResult(i % 3 == 0);
                Assert.Equal(i % 3 == 0, await waiting);
            }

            Assert.False(pending.IsAwaited);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Wait_Fails_ThrowsWhatTheTakerReturns(bool takerThrows)
    {
        PendingUpdate pending = new();
        TaskCompletionSource<bool> move = new();
        InvalidOperationException thrown = new();
        ValueTask<bool> wait = pending.Wait(new(move.Task), new Taker { Throws = takerThrows ? thrown : null });

        if (takerThrows)
        {
            move.SetResult(true);
        }
        else
        {
            move.SetException(thrown);
        }

        Assert.Same(thrown, (await Assert.ThrowsAsync<IOException>(async () => await wait)).InnerException);
        Assert.False(pending.IsAwaited);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Wait_FailsAfterAllHasCome_EndsWell(bool arrivesFirst)
    {
        PendingUpdate pending = new();
        Taker taker = new() { EndsWell = true };
        TaskCompletionSource<bool> move = new();
        ValueTask<bool> wait = pending.Wait(new(move.Task), taker);
        Task<bool>? waiting = arrivesFirst ? null : wait.AsTask();

        move.SetException(new InvalidOperationException());

        Assert.Equal(arrivesFirst ? 0 : 1, taker.Ends);
        Assert.False(await (waiting ?? wait.AsTask()));
        Assert.Equal((1, false), (taker.Ends, pending.IsAwaited));
    }

    [Fact]
    public async Task Dispose_WhileItWaits_DropsTheLateUpdate()
    {
        using FakePool pool = new(1);
        Queue<LateStream> streams = new([new(), new()]);
        LateStream first = streams.Peek();
        pool.Clients[0].OnStream = (_, _, _) => streams.Dequeue();
        IAsyncEnumerator<ChatResponseUpdate> abandoned = Open(pool);
        Assert.True(await abandoned.MoveNextAsync());
        Task<bool> late = abandoned.MoveNextAsync().AsTask();
        await abandoned.DisposeAsync();

        LateStream second = streams.Peek();
        IAsyncEnumerator<ChatResponseUpdate> next = Open(pool);
        Assert.True(await next.MoveNextAsync());
        Task<bool> waiting = next.MoveNextAsync().AsTask();
        first.Next.SetResult(true);

        Assert.True(late.IsCompletedSuccessfully);
        Assert.False(await late);
        Assert.False(waiting.IsCompleted);
        second.Next.SetResult(true);
        Assert.True(waiting.IsCompletedSuccessfully);
        Assert.True(await waiting);
        await next.DisposeAsync();
        Assert.Equal(0, pool.InFlight);
    }

    [Fact]
    public async Task Dispose_WhileItWaits_MayStillFail()
    {
        using FakePool pool = new(1);
        LateStream stream = new();
        pool.Clients[0].OnStream = (_, _, _) => stream;
        IAsyncEnumerator<ChatResponseUpdate> abandoned = Open(pool);
        Assert.True(await abandoned.MoveNextAsync());
        Task<bool> late = abandoned.MoveNextAsync().AsTask();
        await abandoned.DisposeAsync();
        IOException failure = new();

        stream.Next.SetException(failure);

        Assert.Same(failure, await Assert.ThrowsAsync<IOException>(() => late));
        Assert.Equal((0, EndpointState.Healthy), (pool.InFlight, pool.StateOf(0)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Dispose_WhileItOpens_LeavesTheNextAttemptAlone(bool fails)
    {
        using FakePool pool = new(1);
        Queue<LateStream> streams = new([new() { OpensLate = true }, new() { OpensLate = true }]);
        LateStream first = streams.Peek();
        pool.Clients[0].OnStream = (_, _, _) => streams.Dequeue();
        IAsyncEnumerator<ChatResponseUpdate> abandoned = Open(pool);
        Task<bool> late = abandoned.MoveNextAsync().AsTask();
        await abandoned.DisposeAsync();
        await abandoned.DisposeAsync();

        LateStream second = streams.Peek();
        IAsyncEnumerator<ChatResponseUpdate> next = Open(pool);
        Task<bool> waiting = next.MoveNextAsync().AsTask();
        if (fails)
        {
            first.Next.SetException(FakeFailure.Status(400));
        }
        else
        {
            first.Next.SetResult(true);
        }

        Assert.Equal((1, 1), (pool.InFlight, pool.StatusOf(0).InFlight));
        Assert.Equal(fails, await Record.ExceptionAsync(() => late) is ClientResultException);
        Assert.False(late.IsCompletedSuccessfully && await late);
        second.Next.SetResult(true);
        Assert.True(await waiting);
        await next.DisposeAsync();
        await abandoned.DisposeAsync();
        Assert.Equal((0, 0L), (pool.InFlight, pool.StatusOf(0).Failed));
    }


    private static IAsyncEnumerator<ChatResponseUpdate> Open(FakePool pool) =>
        pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);

    private sealed class Taker : IUpdateTaker
    {
        public Exception? Throws { get; init; }

        public bool Take(bool moved) => Throws is null ? moved : throw Throws;

        /// <summary>How often it was told that it is over.</summary>
        public int Ends { get; private set; }

        public bool EndsWell { get; init; }

        public Exception? Fail(Exception exception) => EndsWell ? null : new IOException("", exception);

        public void Ended() => Ends++;
    }

    /// <summary>One update at once, the next when the test says so, whatever became of the consumer.</summary>
    private sealed class LateStream : IAsyncEnumerable<ChatResponseUpdate>, IAsyncEnumerator<ChatResponseUpdate>
    {
        private bool _moved;

        /// <summary>Its first update comes late as well.</summary>
        public bool OpensLate
        {
            init => _moved = value;
        }

        public TaskCompletionSource<bool> Next { get; } = new();

        public ChatResponseUpdate Current { get; } = new(ChatRole.Assistant, "x");

        public IAsyncEnumerator<ChatResponseUpdate> GetAsyncEnumerator(CancellationToken cancellationToken = default) => this;

        public ValueTask<bool> MoveNextAsync()
        {
            bool first = !_moved;
            _moved = true;
            return first ? new(true) : new(Next.Task);
        }

        public ValueTask DisposeAsync() => default;
    }
}
