namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>
/// A clock that stands still until it is told to go to the next due timer. For one thread, as <see cref="VirtualDriver"/> provides it.
/// </summary>
internal sealed class VirtualTime : TimeProvider
{
    private static readonly DateTimeOffset Epoch = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly PriorityQueue<(VirtualTimer Timer, int Setting), (long Due, long Order)> _timers = new();
    private long _now;
    private long _order;

    public double Seconds => (double)_now / TimeSpan.TicksPerSecond;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    // One tick at the start: a timestamp of zero is one that nobody took.
    public override long GetTimestamp() => _now + 1;

    public override DateTimeOffset GetUtcNow() => Epoch.AddTicks(_now);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        VirtualTimer timer = new(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
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

    private sealed class VirtualTimer(VirtualTime time, TimerCallback callback, object? state) : ITimer
    {
        private int _setting;
        private bool _set;
        private TimeSpan _period;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _setting++;
            _set = dueTime != Timeout.InfiniteTimeSpan;
            _period = period;
            if (_set)
            {
                time._timers.Enqueue((this, _setting), (time._now + Math.Max(0, dueTime.Ticks), time._order++));
            }

            return true;
        }

        public bool IsSet(int setting) => _set && _setting == setting;

        public void Fire()
        {
            _set = false;
            if (_period > TimeSpan.Zero)
            {
                Change(_period, _period);
            }

            callback(state);
        }

        public void Dispose() => _set = false;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
