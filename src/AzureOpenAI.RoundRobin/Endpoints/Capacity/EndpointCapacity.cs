namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>How many calls a deployment takes: the pace that was learned from its rejections, and its configured limits. The lower one counts.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
/// <param name="time">The source of all time.</param>
/// <param name="configured">The configured limits where another service tier of the deployment has them already; the pace of each tier is its own.</param>
internal sealed class EndpointCapacity(TimeProvider time, ConfiguredLimits? configured = null)
{
    private readonly ConfiguredLimits _configured = configured ?? new(time);
    private readonly Pace _pace = new(time);
    private readonly AnswerNotes _notes = new(time);

    /// <summary>A limit applies, so every pick must check it under the lock.</summary>
    public bool IsLimited => _pace.IsKnown || _configured.Any;

    public bool HasTokenLimit => _configured.Tokens is not null;

    public ConfiguredLimits Configured => _configured;

    /// <inheritdoc cref="Pace.PausedUntil"/>
    public long PausedUntil => _pace.PausedUntil;

    /// <inheritdoc cref="Pace.StatedUntil"/>
    public long StatedUntil => _pace.StatedUntil;

    /// <summary>The calls a second that it takes; null where that is not known, or only guessed.</summary>
    public double? PerSecond => _pace.IsConfirmed && !IsPermitted
        ? Math.Min(_pace.PerSecond, _configured.PerSecond ?? double.PositiveInfinity)
        : _pace.IsKnown && !IsPermitted ? null : _configured.PerSecond;

    /// <summary>Others say when each call starts, so that only pauses hold it back: a pace of this process alone would let permits pass.</summary>
    private bool IsPermitted => _configured is { Requests: not null, Shared.IsAlone: false };

    private long PaceRoomAt => IsPermitted ? _pace.PausedUntil : _pace.RoomAt;

    /// <summary>Whether it takes one more call, whatever its tokens.</summary>
    public bool HasRoom(long now) => now >= PaceRoomAt && HasConfiguredRoom(now);

    /// <summary>When it will take one more call, whatever its tokens; in the past where it would now.</summary>
    public long RoomAt(long now) => Math.Max(PaceRoomAt, ConfiguredRoomAt(now));

    /// <summary>Whether one more call keeps the configured limit, which every call and every probe keeps.</summary>
    public bool HasConfiguredRoom(long now) => _configured.HasRoom(now);

    /// <summary>When the configured limit will have room for one more call; in the past where it has now.</summary>
    public long ConfiguredRoomAt(long now) => _configured.RoomAt(now);

    /// <summary>The queued calls that have a permit already; the others stand in the line of all processes.</summary>
    public int PermitsInHand(long now) => _configured.Shared?.HeldAfter(now) ?? 0;

    /// <summary>When it will take a call that has no permit yet.</summary>
    public long LineAt(long now) => _configured.Shared is { IsAlone: false } shared ? Math.Max(PaceRoomAt, shared.NextAt) : RoomAt(now);

    /// <inheritdoc cref="SharedLimits.SoonestAt"/>
    public long PermittedAt(long now) => _configured.Shared?.SoonestAt(now) ?? long.MinValue;

    /// <summary>Whether the configured token limit has room. A call without an estimate is never held back.</summary>
    public bool HasRoomFor(long tokens, long now) => _configured.HasRoomFor(tokens, now);

    /// <summary>When the token limit will have room.</summary>
    public long RoomForAt(long tokens, long now) => _configured.RoomForAt(tokens, now);

    /// <summary>A call is about to go to the endpoint.</summary>
    /// <param name="tokens">An estimate of its tokens.</param>
    /// <param name="now">The present.</param>
    /// <param name="hasWaited">Whether the call was queued.</param>
    public void Charge(long tokens, long now, bool hasWaited = false)
    {
        _pace.Take(now, hasWaited);
        _configured.Take(tokens, now);
    }

    /// <summary>Notes the number of calls that it has answered so far.</summary>
    public void Note(long answered, long now) => _notes.Note(answered, now);

    /// <inheritdoc cref="AnswerNotes.Within"/>
    public double AnsweredWithin(TimeSpan span, long answered, long now) => _notes.Within(span, answered, now);

    /// <summary>Whether the pace is known, so that a rejection need not say how many calls there were.</summary>
    public bool HasPace => _pace.IsKnown;

    /// <inheritdoc cref="Pace.PauseUntil"/>
    public void PauseUntil(long until, bool isStated)
    {
        _pace.PauseUntil(until, isStated);
        _configured.Shared?.VoidBefore(until);
    }

    /// <inheritdoc cref="Pace.Rejected"/>
    public void Rejected(long now, long sentAt, TimeSpan? stated, double taken)
    {
        _pace.Rejected(now, sentAt, stated, taken);
        _configured.Shared?.VoidBefore(_pace.PausedUntil);
    }
}
