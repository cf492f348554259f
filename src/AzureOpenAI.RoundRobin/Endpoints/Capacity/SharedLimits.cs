namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>
/// What this process may start within configured limits that all processes share: by the permits that it has in hand, each for a time and some tokens; while nobody grants any,
/// by its share of the limits, which is what it was granted of all that was granted before.
/// </summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
/// <param name="time">The source of all time.</param>
/// <param name="configured">The limits, which count all starts of this process.</param>
/// <param name="id">By which the others know the deployment.</param>
/// <param name="wants">Told when permits are wanted for calls to come.</param>
internal sealed class SharedLimits(TimeProvider time, ConfiguredLimits configured, EndpointId id, Action<IStartLine> wants) : IStartLine
{
    /// <summary>A permit that a call waits for is kept for so long: the timer may be late. It grows while timers are later, to a twentieth of the period and half of the time that those are kept which no call waits for.</summary>
    private static readonly TimeSpan LeastHold = TimeSpan.FromMilliseconds(20);

    private readonly List<Held> _held = [];
    private readonly CallFlow _flow = new(time);
    private Quota? _requestsAlone;
    private Quota? _tokensAlone;
    private long _aheadAt = long.MinValue;
    private long _aloneUntil;
    private (int Requests, long Tokens) _taken;
    private (int Requests, long Tokens) _told;
    private long _own;
    private (int Voided, int Alone) _counted;
    private GrantedShare _share = new();

    public EndpointId Id => id;

    /// <summary>Nobody grants permits: the process keeps its share of the limits by itself, until it is time to ask again.</summary>
    public bool IsAlone { get; private set; }

    /// <summary>The part of the limits that this process was granted of late.</summary>
    public double Share => _share.Of;

    /// <summary>When the next permit would start, by the last reply.</summary>
    public long NextAt { get; private set; } = long.MinValue;

    /// <summary>For how long a permit is kept that a call waits for.</summary>
    public TimeSpan Hold { get; private set; } = LeastHold;

    /// <summary>Noted by who was told that permits are wanted.</summary>
    public bool IsWanted { get; set; }

    /// <summary>The permits that were granted and that no call used in time.</summary>
    public int Voided { get; private set; }

    /// <summary>The starts without a permit.</summary>
    public int Alone { get; private set; }

    /// <summary>The permits that nobody used and the starts without one, since the last call of this.</summary>
    public (int Voided, int Alone) Count()
    {
        (int voided, int alone) = _counted;
        _counted = (Voided, Alone);
        return (Voided - voided, Alone - alone);
    }

    /// <summary>How many permits to ask for because calls are to come; 0 while there are enough, or while the limit leaves none for that.</summary>
    /// <param name="now">The present.</param>
    /// <param name="least">So many are wanted however few calls come.</param>
    public int WantedAhead(long now, int least = 0)
    {
        Drop(now);
        if (IsAlone)
        {
            return 1;
        }

        int most = configured.Requests is { } requests ? (int)Math.Clamp(requests.Limit / 4, 1, IStartLine.MostAhead) : IStartLine.MostAhead;
        int level = Math.Clamp(_flow.SoonToCome, least, most);
        return now < Math.Max(_aheadAt, NextAt) || 2 * _held.Count > level || (configured.Requests is null && TokensAhead == 0) ? 0 : level - _held.Count;
    }

    /// <summary>The tokens of one such permit.</summary>
    public long TokensAhead => _flow.Tokens;

    /// <summary>The permits in hand that may be used after a time.</summary>
    public int HeldAfter(long from)
    {
        int held = 0;
        foreach (Held permit in _held)
        {
            held += permit.End > from ? 1 : 0;
        }

        return held;
    }

    /// <summary>Whether the permits in hand that may be used after a time have the tokens for a call.</summary>
    public bool HoldsFor(long tokens, long from)
    {
        foreach (Held permit in _held)
        {
            tokens -= permit.End > from ? permit.Tokens : 0;
        }

        return configured.Tokens is null || tokens <= 0;
    }

    /// <summary>Whether a call may start now, whatever its tokens.</summary>
    public bool HasRoom(long now)
    {
        Drop(now);
        if ((_held.Count > 0 && _held[0].Start <= now) || (IsAlone && _requestsAlone?.HasRoom(1, now) != false))
        {
            return true;
        }

        Miss(now);
        return false;
    }

    /// <summary>When a call may start; in the past where it may now, and soon where an answer is expected.</summary>
    public long RoomAt(long now)
    {
        if (HasRoom(now))
        {
            return long.MinValue;
        }

        long first = _held.Count > 0 ? _held[0].Start : IsAlone ? long.MaxValue : Expected(now);
        return IsAlone && _requestsAlone is { } alone ? Math.Min(first, alone.RoomAt(1, now)) : first;
    }

    /// <summary>Whether the tokens of a call may start now.</summary>
    public bool HasRoomFor(long tokens, long now)
    {
        Drop(now);
        if (TokensAt(tokens) <= now || (IsAlone && _tokensAlone?.HasRoom(tokens, now) != false))
        {
            return true;
        }

        Miss(now);
        return false;
    }

    /// <summary>When they may start.</summary>
    public long RoomForAt(long tokens, long now)
    {
        if (HasRoomFor(tokens, now))
        {
            return long.MinValue;
        }

        long first = TokensAt(tokens);
        return IsAlone && _tokensAlone is { } alone ? Math.Min(first, alone.RoomAt(tokens, now)) : Math.Min(first, Expected(now));
    }

    /// <summary>No call starts before this time, as far as is known: the first permit in hand, or the next that would be granted; in the past where nothing is known. A limit of tokens refuses no call.</summary>
    public long SoonestAt(long now)
    {
        Drop(now);
        return IsAlone || configured.Tokens is not null ? long.MinValue : _held.Count > 0 ? _held[0].Start : NextAt;
    }

    /// <summary>A call is about to start, with a permit where there is one.</summary>
    public void Take(long tokens, long now)
    {
        Drop(now);
        if (configured.Requests is null && tokens == 0)
        {
            return;
        }

        _requestsAlone?.Take(1, now);
        _tokensAlone?.Take(tokens, now);
        long rest = configured.Tokens is null ? 0 : tokens;
        _flow.Took(rest, now);
        rest -= TakePermit(now);
        for (int i = 0; rest > 0 && i < _held.Count && _held[i].Start <= now; i++)
        {
            long part = Math.Min(rest, _held[i].Tokens);
            rest -= part;
            _held[i] = _held[i] with { Tokens = _held[i].Tokens - part };
        }

        if (rest < 0 && _held.Count > 0)
        {
            _held[0] = _held[0] with { Tokens = _held[0].Tokens - rest };
        }

        _taken.Tokens += Math.Max(0, rest);
        if (configured.Requests is null)
        {
            _held.RemoveAll(static permit => permit.Tokens == 0);
        }

        if (IsAlone || _taken != default || WantedAhead(now) > 0)
        {
            wants(this);
        }
    }

    /// <summary>What the others are told and asked of the limits.</summary>
    public PermitLimit ToRequest(int priority, TimeSpan notBefore)
    {
        // What was started a period ago counts no longer. Those who grant count it from when they are told.
        long now = time.GetTimestamp();
        _taken = ((int)Math.Min(_taken.Requests, configured.Requests?.TakenWithinPeriod(now) ?? 0), Math.Min(_taken.Tokens, configured.Tokens?.TakenWithinPeriod(now) ?? 0));
        _told = _taken;
        return new()
        {
            Id = id,
            Requests = (int)(configured.Requests?.Limit ?? 0),
            RequestPeriod = configured.Requests?.Period ?? TimeSpan.Zero,
            Tokens = configured.Tokens?.Limit ?? 0,
            TokenPeriod = configured.Tokens?.Period ?? TimeSpan.Zero,
            Priority = priority,
            NotBefore = notBefore,
            TakenRequests = _told.Requests,
            TakenTokens = _told.Tokens,
        };
    }

    /// <summary>A permit was granted.</summary>
    public void Add(long start, long end, long tokens, bool isAhead)
    {
        int place = _held.Count;
        for (; place > 0 && _held[place - 1].Start > start; place--)
        {
        }

        _held.Insert(place, new(start, end, tokens, isAhead));
        _own += configured.Requests is null ? tokens : 1;
    }

    void IStartLine.Add(StartPermit permit, long start, long end, bool isAhead) => Add(start, end, permit.Tokens, isAhead);

    /// <summary>Before <see cref="Add"/>: where those who grant have lost what they had granted, they grant the same times again, so the permits in hand are void.</summary>
    public void Compare(long granted)
    {
        if (_share.IsAnew(granted))
        {
            VoidBefore(long.MaxValue);
        }
    }

    /// <summary>No call starts before then, so the permits for that time are void.</summary>
    public void VoidBefore(long end) => Voided += _held.RemoveAll(permit => permit.End <= end);

    /// <summary>The others have answered. After <see cref="Add"/> of all that they have granted.</summary>
    public void Answered(long nextAt, long granted, bool isRefusedAhead, long now)
    {
        bool isLate = IsAlone;
        (IsAlone, _requestsAlone, _tokensAlone) = (false, null, null);
        _own += configured.Requests is null ? _told.Tokens : _told.Requests;
        (_taken, _told) = ((_taken.Requests - _told.Requests, _taken.Tokens - _told.Tokens), default);
        // What started while the answer was late are the calls that these permits are for.
        while (isLate && _taken.Requests > 0 && _held.Count > 0)
        {
            _taken = (_taken.Requests - 1, Math.Max(0, _taken.Tokens - _held[0].Tokens));
            _held.RemoveAt(0);
        }

        NextAt = nextAt;
        _aheadAt = isRefusedAhead ? time.After(now, IStartLine.AheadAgain) : _aheadAt;
        _share = _share.After(_own, granted, now, time.After(0, (configured.Requests ?? configured.Tokens)?.Period ?? TimeSpan.Zero));
    }

    /// <summary>Nobody grants permits until then. Those in hand stay good.</summary>
    public void GoAlone(long until)
    {
        _aloneUntil = until;
        if (!IsAlone)
        {
            (IsAlone, NextAt) = (true, long.MinValue);
            Reconfigured();
        }
    }

    /// <summary>The limits are others.</summary>
    public void Reconfigured() => (_requestsAlone, _tokensAlone) = IsAlone ? (configured.Requests?.Part(Share), configured.Tokens?.Part(Share)) : (null, null);

    private long TakePermit(long now)
    {
        if (configured.Requests is null)
        {
            return 0;
        }

        if (_held.Count == 0 || _held[0].Start > now)
        {
            _taken.Requests++;
            Alone++;
            return 0;
        }

        Held first = _held[0];
        _held.RemoveAt(0);
        bool isLate = first.End < now;
        // A call that waited for its permit is late by its timer only: a second start for it would be one that never comes.
        _taken.Requests += isLate && first.IsAhead ? 1 : 0;
        TimeSpan most = Timestamps.Max(LeastHold, Timestamps.Min(configured.Requests.Period / 20, IStartLine.AheadHold / 2));
        Hold = first.IsAhead ? Hold : isLate ? Timestamps.Min(2 * Hold, most) : Timestamps.Max(LeastHold, 0.98 * Hold);
        return first.Tokens;
    }

    /// <summary>What is over.</summary>
    private void Drop(long now)
    {
        if (IsAlone && now >= _aloneUntil)
        {
            // A process that was idle may have missed that permits are granted again.
            (IsAlone, _requestsAlone, _tokensAlone) = (false, null, null);
        }

        for (int i = _held.Count - 1; i >= 0; i--)
        {
            if (time.After(_held[i].End, IStartLine.Late) < now)
            {
                Voided++;
                _held.RemoveAt(i);
            }
        }
    }

    /// <summary>A call passes by, or waits, because no permit is in hand.</summary>
    private void Miss(long now)
    {
        if (!IsAlone && now >= NextAt && now >= _aheadAt)
        {
            wants(this);
        }
    }

    private long Expected(long now) => Math.Max(NextAt, time.After(now, IStartLine.Trip));

    /// <summary>When the permits in hand have the tokens; long.MaxValue where they have not.</summary>
    private long TokensAt(long tokens)
    {
        foreach (Held permit in _held)
        {
            tokens -= permit.Tokens;
            if (tokens <= 0)
            {
                return permit.Start;
            }
        }

        return long.MaxValue;
    }

    /// <summary>A permit in hand.</summary>
    private readonly record struct Held(long Start, long End, long Tokens, bool IsAhead);
}
