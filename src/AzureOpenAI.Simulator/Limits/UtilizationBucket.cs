namespace AzureOpenAI.Simulator;

/// <summary>
/// Judges the requests of a provisioned deployment: a leaky bucket of tokens that drains continuously and admits while it holds at most its capacity.
/// </summary>
/// <remarks>Safe for concurrent use. Amounts are kept as tokens times ticks of a minute, in which the drain of any time is a whole number.</remarks>
internal sealed class UtilizationBucket
{
    private static readonly Int128 Token = TimeSpan.TicksPerMinute;

    private readonly Lock _lock = new();
    private readonly LimitScript _script = new();
    private readonly TimeSpan _window;
    private readonly SimulatorClock _clock;
    private int _tokensPerMinute;
    private Int128 _level;
    private long _drainedAt;

    public UtilizationBucket(int tokensPerMinute, TimeSpan window, IEnumerable<LimitChange> changes, SimulatorClock clock)
    {
        _tokensPerMinute = tokensPerMinute;
        _window = window;
        _clock = clock;
        _drainedAt = clock.Elapsed.Ticks;
        foreach (var change in changes)
        {
            _script.Add(_drainedAt, change);
        }
    }

    public int TokensPerMinute
    {
        get
        {
            lock (_lock)
            {
                Drain();
                return _tokensPerMinute;
            }
        }

        set
        {
            lock (_lock)
            {
                Drain();
                _tokensPerMinute = value;
            }
        }
    }

    /// <summary>How full the bucket is now, in percent. It may be above 100.</summary>
    public double Utilization
    {
        get
        {
            lock (_lock)
            {
                Drain();
                return Percent;
            }
        }
    }

    private Int128 Capacity => (Int128)_tokensPerMinute * _window.Ticks;

    private double Percent => (double)(_level * 100) / (double)Capacity;

    private TimeSpan UntilAtMostFull => _level <= Capacity ? TimeSpan.Zero : new((long)((_level - Capacity + _tokensPerMinute - 1) / _tokensPerMinute));

    public Admission Admit(int tokens)
    {
        lock (_lock)
        {
            Drain();
            if (_level > Capacity)
            {
                return new Admission
                {
                    Verdict = AdmissionVerdict.OverUtilized,
                    RetryAfter = UntilAtMostFull,
                    Utilization = Percent,
                };
            }

            _level += tokens * Token;
            return new Admission { Verdict = AdmissionVerdict.Admitted, Utilization = Percent };
        }
    }

    /// <summary>How long until a request is admitted, if none comes before it.</summary>
    public TimeSpan UntilAdmitted()
    {
        lock (_lock)
        {
            Drain();
            return UntilAtMostFull;
        }
    }

    /// <summary>Replaces what a request was estimated to use by what it used.</summary>
    public void Correct(int estimated, int used)
    {
        lock (_lock)
        {
            Drain();
            _level = Int128.Max(0, _level + ((Int128)used - estimated) * Token);
        }
    }

    /// <summary>Changes the throughput at a later time, counted from now.</summary>
    public void Schedule(LimitChange change)
    {
        lock (_lock)
        {
            Drain();
            _script.Add(_drainedAt, change);
        }
    }

    /// <summary>Up to each change of the throughput at the rate that held until then.</summary>
    private void Drain()
    {
        long now = _clock.Elapsed.Ticks;
        while (_script.TryTake(now, out long due, out var change))
        {
            DrainUntil(due);
            _tokensPerMinute = change.ProvisionedTokensPerMinute ?? _tokensPerMinute;
        }

        DrainUntil(now);
    }

    private void DrainUntil(long now)
    {
        _level = Int128.Max(0, _level - ((Int128)(now - _drainedAt) * _tokensPerMinute));
        _drainedAt = now;
    }
}
