using System.Collections.Concurrent;
using AzureOpenAI.RoundRobin.Attempts;

namespace AzureOpenAI.RoundRobin.Tests.Attempts;

public class WaiterTests
{
    private const int Waiting = 200;

    [Fact]
    public async Task InOrder_LetGoByOneThread_GoOnFirstComeFirstServed()
    {
        for (int round = 0; round < 20; round++)
        {
            Waiter[] line = [.. Enumerable.Range(0, Waiting).Select(static i => new Waiter(null!, i, 0))];
            ConcurrentQueue<long> order = new();
            Task[] calls = [.. line.Select(waiter => GoOnAsync(waiter, order))];

            await Task.Run(() => Array.ForEach(line, static waiter => waiter.TrySetResult(null)), TestContext.Current.CancellationToken);
            await Task.WhenAll(calls);

            // Several threads serve the pool's queue, so neighbours may change places.
            long[] tickets = [.. order];
            Assert.InRange(tickets[..(Waiting / 4)].Average(), 0, Waiting / 4);
            Assert.InRange(tickets[^(Waiting / 4)..].Average(), Waiting * 3 / 4, Waiting);
        }
    }

    [Fact]
    public async Task InOrder_PassesOnWhatEndsTheWait()
    {
        Waiter sentAway = new(null!, 1, 0);
        Waiter disposed = new(null!, 2, 0);
        Task<Attempt?> failing = disposed.InOrder();

        sentAway.TrySetResult(null);
        disposed.TrySetException(new ObjectDisposedException("pool"));

        Assert.Null(await sentAway.InOrder());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => failing);
    }

    private static async Task GoOnAsync(Waiter waiter, ConcurrentQueue<long> order)
    {
        await waiter.InOrder().ConfigureAwait(false);
        order.Enqueue(waiter.Ticket);
    }
}
