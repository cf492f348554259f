namespace AzureOpenAI.Simulator;

/// <summary>
/// Judges a deployment's requests on arrival, as the service's standard deployments do: requests over a short window, estimated tokens over a minute.
/// </summary>
/// <remarks>
/// Safe for concurrent use. A deployment asks one limiter and reads nothing but its <see cref="Admission"/>; the deployments of a quota pool ask
/// the same one, and so share its quota.
/// </remarks>
internal sealed class Limiter
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Never = TimeSpan.FromDays(1);

    private readonly Lock _lock = new();
    private readonly SimulatorClock _clock;
    private readonly LimitRules _rules;
    private readonly LimitScript _script = new();
    private readonly WindowCounter _requests;
    private readonly WindowCounter _tokens;
    private int? _requestsPerMinute;
    private int? _tokensPerMinute;
    private int _reducedTokensPerMinute;
    private TimeSpan _reducedUntil;
    private double _neighbourShare;
    private long _lookedAt;
    private int _inFlight;

    public Limiter(LimitRules rules, IEnumerable<LimitChange> changes, SimulatorClock clock)
    {
        _rules = rules;
        _clock = clock;
        _requests = WindowCounter.Create(rules.RequestWindowKind, rules.RequestWindow);
        _tokens = WindowCounter.Create(rules.TokenWindowKind, rules.TokenWindow);
        _requestsPerMinute = rules.RequestsPerMinute;
        _tokensPerMinute = rules.TokensPerMinute;
        foreach (var change in changes)
        {
            _script.Add(clock.Elapsed.Ticks, change);
        }
    }

    public LimitRules Rules => _rules;

    public int? RequestsPerMinute
    {
        get
        {
            lock (_lock)
            {
                Look();
                return _requestsPerMinute;
            }
        }

        set
        {
            if (value is { } requests && PerWindow(requests, _rules.RequestWindow) < 1)
            {
                throw new ArgumentOutOfRangeException(nameof(value), value, $"The limit admits no request in a window of {_rules.RequestWindow}. Raise it, or use a longer window.");
            }

            lock (_lock)
            {
                Look();
                _requestsPerMinute = value;
            }
        }
    }

    public int? TokensPerMinute
    {
        get
        {
            lock (_lock)
            {
                Look();
                return _tokensPerMinute;
            }
        }

        set
        {
            if (value is { } tokens && PerWindow(tokens, _rules.TokenWindow) < 1)
            {
                throw new ArgumentOutOfRangeException(nameof(value), value, $"The limit admits no token in a window of {_rules.TokenWindow}. Raise it, or use a longer window.");
            }

            lock (_lock)
            {
                Look();
                _tokensPerMinute = value;
            }
        }
    }

    private long RequestsPerWindow => _requestsPerMinute is { } requests ? Own(PerWindow(requests, _rules.RequestWindow)) : 0;

    public static long PerWindow(int requestsPerMinute, TimeSpan window) => requestsPerMinute * window.Ticks / Minute.Ticks;

    /// <summary>Enforces a lower token limit for a while, and leaves the configured one as it is.</summary>
    public void Reduce(int tokensPerMinute, TimeSpan duration)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tokensPerMinute);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(duration, TimeSpan.Zero);
        lock (_lock)
        {
            Look();
            _reducedTokensPerMinute = tokensPerMinute;
            _reducedUntil = duration < TimeSpan.MaxValue - _clock.Elapsed ? _clock.Elapsed + duration : TimeSpan.MaxValue;
        }
    }

    /// <summary>Changes limits at a later time, counted from now.</summary>
    public void Schedule(LimitChange change)
    {
        lock (_lock)
        {
            _script.Add(Look(), change);
        }
    }

    public Admission Admit(int tokens)
    {
        lock (_lock)
        {
            long now = Look();
            int? limit = EffectiveTokensPerMinute(now);
            if (_requestsPerMinute is null && limit is null && _rules.MaxRequestsInFlight is null)
            {
                _inFlight++;
                return Admission.Unlimited;
            }

            if (_tokensPerMinute is { } most && tokens > PerWindow(most, _rules.TokenWindow))
            {
                return Read(now, limit, AdmissionVerdict.LargerThanLimit, Never);
            }

            var verdict = Judge(now, limit, tokens);
            if (verdict == AdmissionVerdict.Admitted || _rules.CountRejected)
            {
                _requests.Add(now, RequestsPerWindow, 1);
                _tokens.Add(now, TokensPerWindow(limit), tokens);
            }

            _inFlight += verdict == AdmissionVerdict.Admitted ? 1 : 0;
            return Read(now, limit, verdict, verdict switch
            {
                AdmissionVerdict.Admitted => TimeSpan.Zero,
                AdmissionVerdict.TooManyInFlight => null,
                _ => UntilAdmitted(now, limit, tokens),
            });
        }
    }

    /// <summary>How long until a request is admitted, if none comes before it; <see cref="TimeSpan.MaxValue"/> where one that runs must end first.</summary>
    public TimeSpan UntilAdmitted(int tokens)
    {
        lock (_lock)
        {
            long now = Look();
            return _inFlight >= _rules.MaxRequestsInFlight ? TimeSpan.MaxValue : UntilAdmitted(now, EffectiveTokensPerMinute(now), tokens);
        }
    }

    /// <summary>A request that was admitted has ended.</summary>
    public void Leave(Admission admission, int estimated, int used)
    {
        lock (_lock)
        {
            _inFlight--;
            if (_rules.CorrectTokens)
            {
                long now = Look();
                _tokens.Correct(now, TokensPerWindow(EffectiveTokensPerMinute(now)), admission.At.Ticks, estimated, used);
            }
        }
    }

    /// <summary>The present, with what the script has changed by then.</summary>
    private long Look()
    {
        long now = _clock.Elapsed.Ticks;
        while (_script.TryTake(now, out long due, out var change))
        {
            DrainUntil(due);
            _requestsPerMinute = change.RequestsPerMinute ?? _requestsPerMinute;
            _tokensPerMinute = change.TokensPerMinute ?? _tokensPerMinute;
            _neighbourShare = change.NeighbourShare ?? _neighbourShare;
        }

        DrainUntil(now);
        return now;
    }

    /// <summary>A bucket drains by the limit that holds, so it must have drained before that changes.</summary>
    private void DrainUntil(long due)
    {
        if (_lookedAt < _reducedUntil.Ticks && _reducedUntil.Ticks < due)
        {
            DrainBy(_reducedUntil.Ticks, EffectiveTokensPerMinute(_lookedAt));
        }

        DrainBy(due, EffectiveTokensPerMinute(due));
        _lookedAt = due;
    }

    private void DrainBy(long due, int? tokensPerMinute)
    {
        _requests.Room(due, RequestsPerWindow);
        _tokens.Room(due, TokensPerWindow(tokensPerMinute));
    }

    /// <summary>What a neighbour leaves of a limit.</summary>
    private long Own(long perWindow) => _neighbourShare == 0 ? perWindow : Math.Max(1, perWindow - (long)Math.Round(perWindow * _neighbourShare));

    private int? EffectiveTokensPerMinute(long now) => now < _reducedUntil.Ticks && !(_tokensPerMinute < _reducedTokensPerMinute)
        ? _reducedTokensPerMinute
        : _tokensPerMinute;

    private long TokensPerWindow(int? tokensPerMinute) => tokensPerMinute is { } tokens ? Own(PerWindow(tokens, _rules.TokenWindow)) : 0;

    private AdmissionVerdict Judge(long now, int? tokensPerMinute, int tokens)
    {
        if (_requestsPerMinute is not null && _requests.UntilFits(now, RequestsPerWindow, 1) > TimeSpan.Zero)
        {
            return AdmissionVerdict.TooManyRequests;
        }

        return _inFlight >= _rules.MaxRequestsInFlight ? AdmissionVerdict.TooManyInFlight
            : tokensPerMinute is not null && _tokens.UntilFits(now, TokensPerWindow(tokensPerMinute), tokens) > TimeSpan.Zero
            ? AdmissionVerdict.TooManyTokens
            : AdmissionVerdict.Admitted;
    }

    private TimeSpan UntilAdmitted(long now, int? tokensPerMinute, int tokens)
    {
        var byRequests = _requestsPerMinute is null ? TimeSpan.Zero : _requests.UntilFits(now, RequestsPerWindow, 1);
        var byTokens = tokensPerMinute is null ? TimeSpan.Zero : _tokens.UntilFits(now, TokensPerWindow(tokensPerMinute), tokens);
        return byRequests > byTokens ? byRequests : byTokens;
    }

    private Admission Read(long now, int? tokensPerMinute, AdmissionVerdict verdict, TimeSpan? retryAfter) => new()
    {
        Verdict = verdict,
        At = new(now),
        RetryAfter = retryAfter,
        Requests = _requestsPerMinute is { } requests ? Read(_requests, now, requests, RequestsPerWindow) : null,
        Tokens = tokensPerMinute is { } tokens ? Read(_tokens, now, tokens, TokensPerWindow(tokens)) : null,
    };

    private static LimitReading Read(WindowCounter counter, long now, long limit, long perWindow) =>
        new(limit, Math.Max(0, counter.Room(now, perWindow)), counter.UntilEmpty(now, perWindow));
}
