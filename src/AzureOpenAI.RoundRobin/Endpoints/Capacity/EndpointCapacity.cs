namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>
/// How many calls a deployment takes: the paces that were learned from its rejections, one of calls and one of tokens, and its configured limits. The lowest one counts.
/// </summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
/// <param name="time">The source of all time.</param>
/// <param name="configured">The configured limits where another service tier of the deployment has them already; the pace of each tier is its own.</param>
internal sealed class EndpointCapacity(TimeProvider time, ConfiguredLimits? configured = null)
{
    private readonly ConfiguredLimits _configured = configured ?? new(time);
    private readonly AnswerNotes _notes = new(time);
    // Made at the first rejection: of most endpoints there is none, and each pick under the lock would read what says so.
    private Pace? _pace;
    private Pace? _tokenPace;
    private TokenWeight? _weight;
    private InFlightLimit? _inFlight;
    private SharedPace? _sharedPace;

    /// <summary>A limit applies, so every pick must check it under the lock.</summary>
    public bool IsLimited => HasPace || _configured.Any || KeptByAll is not null;

    /// <summary>A pace was learned.</summary>
    public bool HasPace => _pace is { IsKnown: true } || _tokenPace is { IsKnown: true };

    /// <summary>Whether it matters how many tokens a call has.</summary>
    public bool CountsTokens => _tokenPace is { IsKnown: true } || HasTokenLimit;

    public bool HasTokenLimit => _configured.Tokens is not null;

    public ConfiguredLimits Configured => _configured;

    /// <summary>What all processes share: the configured limits, or where there are none the pace; null where nothing is shared, or no pace known.</summary>
    public IStartLine? Line => _configured.Shared ?? (IStartLine?)KeptByAll;

    /// <summary>All that may become that.</summary>
    public IEnumerable<IStartLine> Lines => new IStartLine?[] { _configured.Shared, _sharedPace }.OfType<IStartLine>();

    /// <inheritdoc cref="Pace.PausedUntil"/>
    public long PausedUntil => Math.Max(_pace?.PausedUntil ?? long.MinValue, _tokenPace?.PausedUntil ?? long.MinValue);

    /// <inheritdoc cref="Pace.StatedUntil"/>
    public long StatedUntil => Math.Max(_pace?.StatedUntil ?? long.MinValue, _tokenPace?.StatedUntil ?? long.MinValue);

    /// <summary>The calls a second that it takes; null where that is not known, or only guessed.</summary>
    public double? PerSecond
    {
        get
        {
            if (LimitsInFlight)
            {
                return null;
            }

            double configured = _configured.PerSecond ?? double.PositiveInfinity;
            Pace? pace = _pace is { IsKnown: true } known && (!IsPermitted || KeptByAll is not null) ? known : null;
            double perSecond = pace?.PerSecond ?? double.PositiveInfinity;
            // On the word of others alone no call is refused.
            bool isConfirmed = pace is null || (pace.IsConfirmed && KeptByAll?.IsBelieved(time.GetTimestamp()) != false);
            if (_tokenPace is { IsKnown: true } tokens && tokens.PerSecond / (_weight?.Mean ?? 1) is var calls && calls < perSecond)
            {
                (perSecond, isConfirmed) = (calls, tokens.IsConfirmed);
            }

            perSecond = Math.Min(perSecond, configured);
            return isConfirmed && double.IsFinite(perSecond) ? perSecond : null;
        }
    }

    /// <summary>Whether what each call meets is to be said, since it may be the calls in flight that are limited.</summary>
    public bool WatchesInFlight(long now) => HasPace && _inFlight?.IsWatched(now) != false;

    /// <summary>The calls in flight are limited, so each that ends makes room.</summary>
    public bool LimitsInFlight => _inFlight is { IsKnown: true };

    /// <summary>Whether it takes one more call, whatever its tokens.</summary>
    /// <param name="inFlight">The calls in flight there.</param>
    /// <param name="now">The present.</param>
    public bool HasRoom(int inFlight, long now) => HasConfiguredRoom(now)
        && (_inFlight is { IsKnown: true } limit ? limit.HasRoom(inFlight, now) && now >= PausedUntil : KeptByAll?.HasRoom(now) != false && now >= PacedAt);

    /// <summary>When it will take one more call, whatever its tokens; in the past where it would now, and long.MaxValue where a call must end first.</summary>
    public long RoomAt(int inFlight, long now) => Math.Max(
        _inFlight is not { IsKnown: true } limit ? Math.Max(KeptByAll?.RoomAt(now) ?? long.MinValue, PacedAt) : limit.HasRoom(inFlight, now) ? PausedUntil : long.MaxValue, ConfiguredRoomAt(now));

    /// <summary>Whether one more call keeps the configured limit, which every call and every probe keeps.</summary>
    public bool HasConfiguredRoom(long now) => _configured.HasRoom(now);

    /// <summary>When the configured limit will have room for one more call; in the past where it has now.</summary>
    public long ConfiguredRoomAt(long now) => _configured.RoomAt(now);

    /// <summary>The queued calls that have a permit already; the others stand in the line of all processes.</summary>
    public int PermitsInHand(long now) => Line?.HeldAfter(now) ?? 0;

    /// <summary>When it will take a call that has no permit yet.</summary>
    public long LineAt(int inFlight, long now) => Line is { IsAlone: false } line ? Math.Max(PacedAt, line.NextAt) : RoomAt(inFlight, now);

    /// <inheritdoc cref="SharedLimits.SoonestAt"/>
    public long PermittedAt(long now) => _configured.Shared?.SoonestAt(now) ?? long.MinValue;

    /// <summary>Whether the configured token limit has room. A call without an estimate is never held back.</summary>
    public bool HasRoomFor(long tokens, long now) => _configured.HasRoomFor(tokens, now);

    /// <summary>When the token limit will have room.</summary>
    public long RoomForAt(long tokens, long now) => _configured.RoomForAt(tokens, now);

    /// <summary>Charges one call where a configured number of requests, which no other process shares, is the only limit, and has room. A pace that was ever learned is left to the other path.</summary>
    public bool TryTakeConfigured(long now) =>
        _pace is null && _tokenPace is null && _configured is { Requests: { } requests, Tokens: null, Shared: null } && requests.TryTake(now);

    /// <summary>A call is about to go to the endpoint.</summary>
    /// <param name="tokens">An estimate of its tokens.</param>
    /// <param name="now">The present.</param>
    /// <param name="hasWaited">Whether the call was queued.</param>
    public void Charge(long tokens, long now, bool hasWaited = false)
    {
        if (KeptByAll is { } shared)
        {
            shared.Take(now, hasWaited);
        }
        else
        {
            _pace?.Take(now, hasWaited);
        }

        if (_tokenPace is { IsKnown: true } pace)
        {
            pace.Take(now, hasWaited, (_weight ??= new()).Next(tokens));
        }

        _configured.Take(tokens, now);
    }

    /// <summary>What a call that goes to the endpoint meets there.</summary>
    /// <param name="inFlight">The calls in flight, with this one.</param>
    /// <param name="now">The present.</param>
    public void Met(int inFlight, long now) => _inFlight?.Take(inFlight, now);

    /// <inheritdoc cref="InFlightLimit.Admitted"/>
    public void Admitted(int met, long now) => _inFlight?.Admitted(met, now);

    /// <summary>A call was rejected; before <see cref="Rejected"/>. One that went before the last pause was over says nothing of the calls in flight.</summary>
    /// <param name="met">The calls in flight when it went, with it; 0 where nobody watched.</param>
    /// <param name="sentAt">When it was sent.</param>
    /// <param name="stated">The pause that the endpoint stated.</param>
    /// <param name="now">The present.</param>
    public void RejectedAt(int met, long sentAt, TimeSpan? stated, long now)
    {
        if (stated is not null)
        {
            (_inFlight ??= new(time)).Forget(now);
        }
        else if (met > 0 && sentAt >= PausedUntil)
        {
            (_inFlight ??= new(time)).Rejected(met, now);
        }
    }

    /// <summary>Notes the number of calls that it has answered so far.</summary>
    public void Note(long answered, long now) => _notes.Note(answered, now);

    /// <inheritdoc cref="AnswerNotes.Within"/>
    public double AnsweredWithin(TimeSpan span, long answered, long now) => _notes.Within(span, answered, now);

    /// <summary>Whether the pace that a rejection tells of is known, so that it need not say how many calls there were.</summary>
    /// <param name="namesTokens">Whether the endpoint said that tokens are scarce.</param>
    public bool KnowsPace(bool namesTokens) => namesTokens ? _tokenPace is { IsKnown: true } : _pace is { IsKnown: true };

    /// <inheritdoc cref="Pace.PauseUntil"/>
    public void PauseUntil(long until, bool isStated)
    {
        (_pace ??= new(time)).PauseUntil(until, isStated);
        _configured.Shared?.VoidBefore(until);
        KeptByAll?.VoidBefore(until, time.GetTimestamp());
    }

    /// <summary>Where no limits are configured, all processes keep one pace from here on.</summary>
    /// <param name="id">By which the others know the deployment.</param>
    /// <param name="wants">Told when permits are wanted.</param>
    public void BeginSharing(EndpointId id, Action<IStartLine> wants) => _sharedPace ??= new(time, _pace ??= new(time), id, wants);

    /// <inheritdoc cref="SharedPace.Heard"/>
    public void HeardOfPace(double taken, long now) => _sharedPace?.Heard(taken, now);

    /// <inheritdoc cref="Pace.Rejected"/>
    /// <param name="now">The present.</param>
    /// <param name="sentAt">When it was sent.</param>
    /// <param name="stated">The pause that the endpoint stated.</param>
    /// <param name="taken">The calls of the last second, with this one; for the first rejection.</param>
    /// <param name="namesTokens">Whether the endpoint said that tokens are scarce: then the pace of tokens learns from it, and that of calls does not.</param>
    public void Rejected(long now, long sentAt, TimeSpan? stated, double taken, bool namesTokens = false)
    {
        bool isChanged = (namesTokens ? _tokenPace ??= new(time) : _pace ??= new(time)).Rejected(now, sentAt, stated, taken);
        _configured.Shared?.VoidBefore(PausedUntil);
        if (!namesTokens)
        {
            KeptByAll?.Rejected(isChanged, taken, now);
        }
    }

    /// <summary>The pace where all processes keep it together. Calls in flight are each process's own.</summary>
    private SharedPace? KeptByAll => _sharedPace is { IsActive: true } shared && !_configured.Any && _inFlight is not { IsKnown: true } ? shared : null;

    /// <summary>Others say when each call starts, so that only pauses hold it back: a pace of this process alone would let permits pass.</summary>
    private bool IsPermitted => _configured is { Requests: not null, Shared.IsAlone: false } || KeptByAll is { IsAlone: false };

    /// <summary>When the paces let the next call go.</summary>
    private long PacedAt => Math.Max(_pace is not { } pace ? long.MinValue : IsPermitted ? pace.PausedUntil : pace.RoomAt, _tokenPace?.RoomAt ?? long.MinValue);
}
