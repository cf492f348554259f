using System.Collections.Concurrent;
using AzureOpenAI.RoundRobin.Balancing;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>
/// A clock that knows which timers of attempts and pauses are set, so that no time passes between a client's being asked and the timer: a test in which it did would wait for
/// ever.
/// </summary>
internal sealed class FakeClock() : FakeTimeProvider(Clocks.Start)
{
    private readonly ConcurrentDictionary<Attempt, WatchedTimer> _deadlines = new();
    private readonly Random _lateness = new(1);
    private int _delays;

    /// <summary>How many tasks wait for a time to pass, such as the pause of a call.</summary>
    public int Delays => Volatile.Read(ref _delays);

    /// <summary>Timers but those of attempts and pauses are late by up to so much, drawn from a seed, as those of a busy machine are.</summary>
    public TimeSpan MostLate { get; set; }

    /// <summary>What each of <see cref="Visits"/> takes, on the thread that makes it; nothing as a rule. Set before the clock is read.</summary>
    public TimeSpan VisitTakes { get; set; }

    public override long GetTimestamp() => base.GetTimestamp() + (Visits.Count * VisitTakes.Ticks);

    /// <summary>Whether a timer is set for an attempt that falls due at a given time, or earlier.</summary>
    public bool IsSet(Attempt attempt, long due) => _deadlines.TryGetValue(attempt, out WatchedTimer? timer) && timer.Due <= due;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        switch (state)
        {
            case Attempt attempt:
                return _deadlines[attempt] = new WatchedTimer(this, callback, state, dueTime, () => _deadlines.TryRemove(attempt, out _));
            case Task:
                Interlocked.Increment(ref _delays);
                return new WatchedTimer(this, callback, state, dueTime, () => Interlocked.Decrement(ref _delays));
            case InMemoryBackplane:
                return base.CreateTimer(callback, state, dueTime, period);
            default:
                ITimer timer = base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, period);
                LateTimer late = new(this, timer);
                late.Change(dueTime, period);
                return late;
        }
    }

    private TimeSpan DrawLateness()
    {
        lock (_lateness)
        {
            return _lateness.NextDouble() * MostLate;
        }
    }

    private ITimer CreateUnwatched(TimerCallback callback, TimeSpan dueTime) => base.CreateTimer(callback, null, dueTime, Timeout.InfiniteTimeSpan);

    private sealed class LateTimer(FakeClock clock, ITimer inner) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) =>
            inner.Change(dueTime > TimeSpan.Zero && clock.MostLate > TimeSpan.Zero ? dueTime + clock.DrawLateness() : dueTime, period);

        public void Dispose() => inner.Dispose();

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class WatchedTimer : ITimer
    {
        private readonly FakeClock _clock;
        private readonly ITimer _inner;
        private readonly Action _disposed;
        private long _due = long.MaxValue;

        public WatchedTimer(FakeClock clock, TimerCallback callback, object? state, TimeSpan dueTime, Action disposed)
        {
            (_clock, _disposed) = (clock, disposed);
            _inner = clock.CreateUnwatched(
                _ =>
                {
                    Volatile.Write(ref _due, long.MaxValue);
                    callback(state);
                },
                Timeout.InfiniteTimeSpan);
            Change(dueTime, Timeout.InfiniteTimeSpan);
        }

        public long Due => Volatile.Read(ref _due);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            long due = dueTime == Timeout.InfiniteTimeSpan ? long.MaxValue : _clock.GetTimestamp() + dueTime.Ticks;
            bool changed = _inner.Change(dueTime, period);
            Volatile.Write(ref _due, due);
            return changed;
        }

        public void Dispose()
        {
            _inner.Dispose();
            _disposed();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
