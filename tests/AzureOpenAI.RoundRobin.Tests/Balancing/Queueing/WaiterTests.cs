using System.Collections.Concurrent;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Queueing;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Queueing;

public class WaiterTests
{
    private const int Waiting = 200;
    private const int Rounds = 20;

    [Fact]
    public async Task WaitAsync_EndedByOneThread_ContinueFirstComeFirstServed()
    {
        int inOrder = 0;
        for (int round = 0; round < Rounds; round++)
        {
            Waiter[] line = [.. Enumerable.Range(0, Waiting).Select(static i => new Waiter(null!, i, 0))];
            ConcurrentQueue<long> order = new();
            Task[] calls = [.. line.Select(waiter => GoOnAsync(waiter, order))];

            await Task.Run(() => Array.ForEach(line, static waiter => waiter.TryEnd(null)), TestContext.Current.CancellationToken);
            await Task.WhenAll(calls);

            long[] tickets = [.. order];
            inOrder += tickets[..(Waiting / 2)].Average() < tickets[(Waiting / 2)..].Average() ? 1 : 0;
        }

        // Several threads serve the pool's queue, and any of them may be held up. Last in first out, the early ones come late in every round.
        Assert.InRange(inOrder, Rounds * 3 / 4, Rounds);
    }

    [Fact]
    public async Task WaitAsync_IsOverWithoutAResult_WhichIsReadAfterIt()
    {
        Waiter sentAway = new(null!, 1, 0);
        Waiter disposed = new(null!, 2, 0);
        Attempt attempt = new(new AttemptCache(TimeProvider.System), TimeProvider.System);
        Waiter released = new(null!, 3, 0);
        Task<Attempt?> failing = disposed.WaitAsync().AsTask();

        sentAway.TryEnd(null);
        disposed.TryFail(new ObjectDisposedException("pool"));
        released.TryEnd(attempt);

        Assert.Null(await sentAway.WaitAsync());
        Assert.Null(await released.WaitAsync());
        Assert.Null(await failing);
        Assert.Equal((null, attempt), (sentAway.Result, released.Result));
        Assert.Throws<ObjectDisposedException>(() => disposed.Result);
    }

    private static async Task GoOnAsync(Waiter waiter, ConcurrentQueue<long> order)
    {
        await waiter.WaitAsync().ConfigureAwait(false);
        order.Enqueue(waiter.Ticket);
    }
}
