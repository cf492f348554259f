using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Calls;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>
/// Sees who waits in the pool's lines, and brings those who are let go back to the one thread.
/// </summary>
/// <remarks>
/// A call that waits goes on elsewhere, on the thread pool. The first that it does there is to let go of the timer of its
/// patience, which is ours: it is held at that, and goes on when the driver says so, in the order of the tickets. So each run is in one order.
/// </remarks>
internal sealed class ChaosLine
{
    private const int MostAtOneMoment = 5000;

    private readonly List<Place> _places = [];
    private long _step;

    /// <summary>The call that goes on at this moment comes out of a line.</summary>
    public bool IsReleasing { get; private set; }

    public int Count => _places.Count;

    public bool StandsIn(Picker picker) => _places.Exists(place => place.Waiter.Request.Picker == picker && !place.Waiter.Task.IsCompleted && place.Step < _step);

    /// <summary>Takes the timer of a call's patience in charge; null for any other timer.</summary>
    public ITimer? Watch(ITimer timer, object? state)
    {
        if (state is not ValueTuple<CallRecovery, Waiter> waits)
        {
            return null;
        }

        Place place = new(timer, waits.Item2, _step);
        _places.Add(place);
        return place;
    }

    /// <summary>Lets everybody go on who was let go, one after the other.</summary>
    public void Settle()
    {
        for (int released = 0; ; released++)
        {
            if (released > MostAtOneMoment)
            {
                throw new ChaosException($"Calls are let go and come back without end; the first of {_places.Count} is {_places[0].Waiter.Ticket}.");
            }

            Place? next = null;
            foreach (Place place in _places)
            {
                if (place.Waiter.Task.IsCompleted)
                {
                    place.Gate.AwaitArrival();
                    Check(place);
                    next = next is null || place.Waiter.Ticket < next.Waiter.Ticket ? place : next;
                }
            }

            if (next is null)
            {
                _step++;
                return;
            }

            _places.Remove(next);
            IsReleasing = true;
            next.Gate.GoOn();
            IsReleasing = false;
        }
    }

    /// <summary>First come, first served; but a call that came back in the same moment was not there yet, and one at the end of its patience may go anyway.</summary>
    private void Check(Place released)
    {
        Waiter waiter = released.Waiter;
        if (released.IsChecked || waiter.Request.IgnoresTokenLimits || !waiter.Task.IsCompletedSuccessfully || waiter.Task.GetAwaiter().GetResult() is null)
        {
            return;
        }

        released.IsChecked = true;
        foreach (Place other in _places)
        {
            if (other.Waiter.Request.Picker == waiter.Request.Picker && other.Step < _step && !other.Waiter.Task.IsCompleted && other.Waiter.Ticket < waiter.Ticket)
            {
                throw new ChaosException($"The call with ticket {waiter.Ticket} was let go before the one with {other.Waiter.Ticket}.");
            }
        }
    }

    private sealed class Place(ITimer timer, Waiter waiter, long step) : ITimer
    {
        public Waiter Waiter { get; } = waiter;

        public long Step { get; } = step;

        public ChaosGate Gate { get; } = new();

        public bool IsChecked { get; set; }

        public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(dueTime, period);

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync()
        {
            timer.Dispose();
            return Gate.Task;
        }
    }
}
