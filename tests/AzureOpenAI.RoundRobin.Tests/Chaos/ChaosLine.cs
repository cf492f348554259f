using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Queueing;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>
/// Sees who waits in the pool's lines, and lets those go on who are let go: on the one thread, when the driver says so, in the order of the tickets. So each run is in one order.
/// </summary>
internal sealed class ChaosLine
{
    private const int MostAtOneMoment = 5000;

    private readonly List<Waiter> _released = [];
    private readonly HashSet<Waiter> _waited = [];

    /// <summary>The call that goes on at this moment comes out of a line.</summary>
    public bool IsReleasing { get; private set; }

    /// <summary>How many were let go and have not gone on.</summary>
    public int Count => _released.Count;

    /// <summary>Whether a call waits there that did when all was settled last.</summary>
    public bool StandsIn(Picker picker) => _waited.Any(waiter => waiter.Request.Picker == picker && !waiter.IsOver);

    /// <summary>A call is let go. By a thread of the finalizer's too, where a stream was dropped.</summary>
    public void Release(Waiter waiter)
    {
        lock (_released)
        {
            _released.Add(waiter);
        }
    }

    /// <summary>Lets everybody go on who was let go, one after the other.</summary>
    public void Settle(EndpointPool pool)
    {
        for (int gone = 0; Next() is { } next; gone++)
        {
            if (gone > MostAtOneMoment)
            {
                throw new ChaosException($"Calls are let go and come back without end; the first of {Count} is {next.Ticket}.");
            }

            Check(next);
            IsReleasing = true;
            next.Execute();
            IsReleasing = false;
        }

        _waited.Clear();
        _waited.UnionWith(pool.Routes.Members.Pickers.Where(static picker => picker.Queue.Length > 0).SelectMany(static picker => Heap<Waiter, ByTicket>.ItemsOf(WaitersOf(picker.Queue))));
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_waiters")]
    private static extern ref PlacedHeap<Waiter, ByTicket> WaitersOf(WaitQueue queue);

    private Waiter? Next()
    {
        lock (_released)
        {
            Waiter? next = _released.MinBy(static waiter => waiter.Ticket);
            _released.Remove(next!);
            return next;
        }
    }

    /// <summary>First come, first served; but a call that came back in the same moment was not there yet, and one at the end of its patience may go anyway.</summary>
    private void Check(Waiter released)
    {
        if (!released.Request.IgnoresTokenLimits && IsToAnEndpoint(released)
            && _waited.FirstOrDefault(other => other.Request.Picker == released.Request.Picker && !other.IsOver && other.Ticket < released.Ticket) is { } passedOver)
        {
            throw new ChaosException($"The call with ticket {released.Ticket} was let go before the one with {passedOver.Ticket}.");
        }
    }

    private static bool IsToAnEndpoint(Waiter released)
    {
        try
        {
            return released.Result is not null;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    private static class Heap<T, TOrder>
        where T : class
        where TOrder : struct, IHeapOrder<T>
    {
        [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_items")]
        public static extern ref List<T> ItemsOf(PlacedHeap<T, TOrder> heap);
    }
}
