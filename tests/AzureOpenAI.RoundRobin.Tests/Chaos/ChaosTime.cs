using AzureOpenAI.RoundRobin.Balancing;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>
/// A clock that goes from timer to timer, on one thread. Its timers are a little early or late as real ones are, its wall clock may be set, and it
/// can be suspended: then time has passed, and whatever was due comes after. A timer that comes again and again at one moment is found out.
/// </summary>
internal sealed class ChaosTime(ChaosDraw draw) : TimeProvider
{
    private const int MostAtOneMoment = 200;
    private const double Earliest = 0.002;
    private const double Latest = 0.008;

    private readonly PriorityQueue<(ChaosTimer Timer, int Setting), (long Due, long Order)> _timers = new();
    private readonly HashSet<ChaosTimer> _armed = [];
    private long _now;
    private long _order;
    private TimeSpan _wallOffset;
    private long _poolSecond;
    private int _poolFires;

    public double Seconds => (double)_now / TimeSpan.TicksPerSecond;

    /// <summary>How long it was suspended in all.</summary>
    public double Suspended { get; private set; }

    /// <summary>When it went on after it was suspended last.</summary>
    public double ResumedAt { get; private set; } = double.NegativeInfinity;

    /// <summary>How often the pool's own timer came, and the most within one second.</summary>
    public (long All, int InASecond) PoolFires { get; private set; }

    /// <summary>Whose timers are set.</summary>
    public string Armed => string.Join(", ", _armed.Select(timer => timer.Owner?.GetType().Name).Order(StringComparer.Ordinal));

    public ChaosLine Line { get; } = new();

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    // One tick at the start: a timestamp of zero is one that nobody took.
    public override long GetTimestamp() => _now + 1;

    public override DateTimeOffset GetUtcNow() => Fakes.Clocks.Start.AddTicks(_now) + _wallOffset;

    public void SetWallClock(TimeSpan offset) => _wallOffset = offset;

    public void Suspend(double seconds)
    {
        _now += TimeSpan.FromSeconds(seconds).Ticks;
        Suspended += seconds;
        ResumedAt = Seconds;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ChaosTimer timer = new(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>As Task.Delay, which goes on elsewhere where it is cancelled.</summary>
    /// <param name="seconds">How long, without end if it is infinite.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task WaitAsync(double seconds, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        TaskCompletionSource source = new();
        TimeSpan delay = double.IsPositiveInfinity(seconds) ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(Math.Max(0, seconds));
        using ITimer timer = CreateTimer(static state => ((TaskCompletionSource)state!).TrySetResult(), source, delay, Timeout.InfiniteTimeSpan);
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), source);
        await source.Task;
    }

    /// <summary>Goes to the next timer and runs it. False if there is none.</summary>
    public bool TryAdvance()
    {
        while (_timers.TryDequeue(out var next, out var at))
        {
            if (next.Timer.IsSet(next.Setting))
            {
                _now = Math.Max(_now, at.Due);
                next.Timer.Fire();
                return true;
            }
        }

        return false;
    }

    private void Count(ChaosTimer timer)
    {
        if (timer.CountFire(_now) > MostAtOneMoment)
        {
            throw new ChaosException($"A timer of {timer.Owner} comes without end at {Seconds:0.000} s.");
        }

        if (timer.Owner is Balancer)
        {
            long second = _now / TimeSpan.TicksPerSecond;
            _poolFires = second == _poolSecond ? _poolFires + 1 : 1;
            _poolSecond = second;
            PoolFires = (PoolFires.All + 1, Math.Max(PoolFires.InASecond, _poolFires));
        }
    }

    private long DueAfter(TimeSpan delay)
    {
        double seconds = Math.Max(0, delay.TotalSeconds);
        // Never more than half too early, so that whoever sets the rest of it again gets there.
        double early = Math.Min(draw.Between(0, Earliest), seconds / 2);
        double late = draw.Chance(0.1) ? draw.Between(0, Latest) : 0;
        return _now + Math.Max(0, delay.Ticks - TimeSpan.FromSeconds(early).Ticks) + TimeSpan.FromSeconds(late).Ticks;
    }

    private sealed class ChaosTimer(ChaosTime time, TimerCallback callback, object? state) : ITimer
    {
        private int _setting;
        private volatile bool _isDisposed;
        private bool _set;
        private long _firedAt;
        private int _firesThen;

        public object? Owner => state;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (_isDisposed)
            {
                return false;
            }

            _setting++;
            Set(dueTime != Timeout.InfiniteTimeSpan);
            if (_set)
            {
                time._timers.Enqueue((this, _setting), (time.DueAfter(dueTime), time._order++));
            }

            return true;
        }

        private void Set(bool isSet)
        {
            _set = isSet;
            // Calls that are let go take back the timers of their patience elsewhere, several at once.
            lock (time._armed)
            {
                _ = isSet ? time._armed.Add(this) : time._armed.Remove(this);
            }
        }

        public bool IsSet(int setting) => _set && _setting == setting;

        public int CountFire(long now)
        {
            _firesThen = now == _firedAt ? _firesThen + 1 : 1;
            _firedAt = now;
            return _firesThen;
        }

        public void Fire()
        {
            // Read once, and before the flag: an attempt whose stream was dropped is let go by a thread of the finalizer's, and disposes its timer there.
            object? present = Volatile.Read(ref state);
            Set(false);
            time.Count(this);
            if (!_isDisposed)
            {
                callback(present);
            }
        }

        public void Dispose()
        {
            Set(false);
            _isDisposed = true;
            // It stays in line until it would have been due, and must not keep a stream alive that was dropped.
            Volatile.Write(ref state, null);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
