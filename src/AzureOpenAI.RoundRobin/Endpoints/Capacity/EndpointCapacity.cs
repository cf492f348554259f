namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>The limits of a deployment: learned from its rejections, and configured. The lower one counts.</summary>
/// <remarks>Under the balancer's lock, but for <see cref="HoldsBack"/>.</remarks>
internal sealed class EndpointCapacity(TimeProvider time)
{
    private readonly TimeProvider _time = time;
    private readonly LearnedWindows _windows = new(time);
    private readonly AnswerNotes _notes = new(time);
    private (int? Requests, int? Tokens) _configured;
    private Quota? _requests;
    private Quota? _tokens;

    /// <inheritdoc cref="LearnedWindows.HoldsBack"/>
    public bool HoldsBack => _windows.HoldsBack;

    /// <summary>A limit applies, so every pick must check it under the lock.</summary>
    public bool IsLimited => HoldsBack || _requests is not null || _tokens is not null;

    public bool HasTokenLimit => _tokens is not null;

    /// <inheritdoc cref="LearnedWindows.IsCounted"/>
    public bool IsCounted => _windows.IsCounted;

    /// <summary>Its windows are learned, so some calls probe above the limit.</summary>
    public bool MayLook => IsCounted;

    /// <inheritdoc cref="LearnedWindows.ExpectedAt"/>
    public long ExpectedAt => _windows.ExpectedAt;

    /// <summary>Whether there is room for one more call, whatever its tokens.</summary>
    public bool HasRoom => _windows.HasRoom && HasConfiguredRoom;

    /// <summary>Whether one more call keeps the configured limit, which every call and every probe keeps.</summary>
    public bool HasConfiguredRoom => _requests?.HasRoom(1) != false;

    /// <summary>The number of calls that it will take can be forecast. Not with a configured token limit, since the tokens of the next calls are not known.</summary>
    public bool IsForeseeable => _tokens is null && (_windows.IsConfirmed || _requests is not null);

    /// <summary>Whether the configured token limit has room. A call without an estimate is never held back.</summary>
    public bool HasRoomFor(long tokens) => tokens == 0 || _tokens?.HasRoom(tokens) != false;

    /// <summary>When the token limit will have room.</summary>
    public long RoomForAt(long tokens) => _tokens?.RoomAt(tokens) ?? long.MinValue;

    /// <summary>Applies the configured limits. Calls before count against the new limits as they did against the old ones.</summary>
    public void Configure(int? requestsPerMinute, int? tokensPerMinute)
    {
        if (requestsPerMinute != _configured.Requests)
        {
            _requests = requestsPerMinute is { } requests ? Quota.OfRequests(_time, requests, _requests) : null;
        }

        if (tokensPerMinute != _configured.Tokens)
        {
            _tokens = tokensPerMinute is { } tokens ? Quota.OfTokens(_time, tokens, _tokens) : null;
        }

        _configured = (requestsPerMinute, tokensPerMinute);
    }

    /// <summary>A call is about to go to the endpoint.</summary>
    /// <param name="tokens">An estimate of its tokens.</param>
    /// <param name="now">The present.</param>
    public void Charge(long tokens, long now)
    {
        _windows.Take(now);
        _requests?.Take(1, now);
        _tokens?.Take(tokens, now);
    }

    /// <summary>Notes the number of calls that it has answered so far.</summary>
    public void Note(long answered, long now) => _notes.Note(answered, now);

    /// <inheritdoc cref="AnswerNotes.Within"/>
    public double AnsweredWithin(TimeSpan span, long answered, long now) => _notes.Within(span, answered, now);

    /// <inheritdoc cref="LearnedWindows.Rejected"/>
    public void Rejected(long now, int taken) => _windows.Rejected(now, taken);

    /// <inheritdoc cref="LearnedWindows.Reopen"/>
    public bool Reopen(long at, bool stated) => _windows.Reopen(at, stated);

    /// <inheritdoc cref="LearnedWindows.Admitted"/>
    public bool Admitted() => _windows.Admitted();

    /// <inheritdoc cref="LearnedWindows.Forget"/>
    public void Forget() => _windows.Forget();

    /// <inheritdoc cref="LearnedWindows.Advance"/>
    public void Advance(long now, TimeSpan rejectionTime, bool drained)
    {
        _requests?.Advance(now);
        _tokens?.Advance(now);
        _windows.Advance(now, rejectionTime, drained);
    }

    /// <inheritdoc cref="LearnedWindows.NextChange"/>
    public long NextChange(TimeSpan rejectionTime) => Math.Min(
        _windows.NextChange(rejectionTime), Math.Min(_requests?.NextChange ?? long.MaxValue, _tokens?.NextChange ?? long.MaxValue));

    /// <inheritdoc cref="LearnedWindows.TakenWithin"/>
    public double TakenWithin(TimeSpan span, long opensAt, long now)
    {
        double learned = _windows.TakenWithin(span, opensAt, now);
        return _requests is null ? learned
            : _time.Until(now, opensAt) > span ? 0
            : Math.Min(learned, _requests.Within(span, now));
    }
}
