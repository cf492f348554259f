namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>
/// What this process may start at a deployment where all processes together keep the pace that rejections have taught them. Each permit has a place in one line, which moves on at the pace; so a
/// rejection that one process meets delays the calls of all, and each keeps its place. While nobody grants permits the process keeps its share of the pace by itself.
/// </summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
/// <param name="time">The source of all time.</param>
/// <param name="pace">The pace, as this process knows it.</param>
/// <param name="id">By which the others know the deployment.</param>
/// <param name="wants">Told when something is to be asked.</param>
internal sealed class SharedPace(TimeProvider time, Pace pace, EndpointId id, Action<IStartLine> wants) : IStartLine
{
    private const int MostDoubts = 10;

    /// <summary>A pause during which calls should not keep their places, since other endpoints may take them sooner.</summary>
    private static readonly TimeSpan LongPause = TimeSpan.FromSeconds(1), LongestPause = TimeSpan.FromMinutes(5);

    /// <summary>A process that was told of a pace believes for so long that there is one, though nobody knows it yet.</summary>
    private static readonly TimeSpan Rumour = TimeSpan.FromSeconds(1);

    /// <summary>What was not asked about for this time may have been forgotten by the others.</summary>
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(5);

    /// <summary>A process that is to wait for longer tries a call in this time, and then in ever shorter ones, until one is rejected: the others may be wrong.</summary>
    private static readonly TimeSpan Doubtful = TimeSpan.FromSeconds(10);

    /// <summary>For so long after a rejection of its own a process believes what others say of the pace, whatever it is.</summary>
    private static readonly TimeSpan Believed = TimeSpan.FromSeconds(60);

    private readonly List<Held> _held = [];
    private readonly CallFlow _flow = new(time);
    private PermitPace _known = new() { Version = 0 };
    private PermitPace? _change;
    private PermitPace? _told;
    private double _recent;
    private bool _isHeard;
    private long _heardAt;
    private long _answeredAt;
    private long _movesAt;
    private bool _isFleets;
    private bool _isStale;
    private long _aheadAt = long.MinValue;
    private long _aloneUntil;
    private long _startedAt;
    private long _rejectedAt;
    private int _doubts;
    private (int Taken, int Told) _without;
    private long _own;
    private (int Voided, int Alone) _done;
    private (int Voided, int Alone) _counted;
    private GrantedShare _share = new();

    /// <summary>Calls need permits: a pace is known, or another process has said that there is one.</summary>
    public bool IsActive => pace.IsKnown || _isHeard;

    public bool IsAlone { get; private set; }

    public long NextAt { get; private set; } = long.MinValue;

    /// <summary>A timer may be late by this much.</summary>
    public TimeSpan Hold => TimeSpan.FromMilliseconds(50);

    public bool IsWanted { get; set; }

    public bool IsChanged { get; private set; }

    public bool HasNews => _change is not null || _recent > 0 || _isStale;

    public (int Voided, int Alone) Count()
    {
        (int voided, int alone) = _counted;
        _counted = _done;
        return (_done.Voided - voided, _done.Alone - alone);
    }

    public int WantedAhead(long now, int least = 0)
    {
        Drop(now);
        if (IsAlone)
        {
            return 1;
        }

        int level = Math.Clamp(_flow.SoonToCome, least, IStartLine.MostAhead);
        return !IsActive || now < Math.Max(_aheadAt, NextAt) || 2 * _held.Count > level ? 0 : level - _held.Count;
    }

    /// <summary>A call of this process was rejected lately.</summary>
    public bool IsBelieved(long now) => time.Until(_rejectedAt, now) <= Believed;

    /// <summary>All permits in hand: a pause delays them, and ends none.</summary>
    public int HeldAfter(long from) => _held.Count;

    public bool HoldsFor(long tokens, long from) => true;

    /// <summary>Whether a call may start now.</summary>
    public bool HasRoom(long now)
    {
        Drop(now);
        if (IsAlone || !IsActive || StartsAt(now) <= now)
        {
            return true;
        }

        if (now >= NextAt && now >= _aheadAt)
        {
            wants(this);
        }

        return false;
    }

    /// <summary>When a call may start; in the past where it may now, and soon where an answer is expected.</summary>
    public long RoomAt(long now) => HasRoom(now) ? long.MinValue : StartsAt(now);

    /// <summary>A call is about to start, with a permit where there is one.</summary>
    /// <param name="now">The present.</param>
    /// <param name="hasWaited">Whether the call waited for its turn.</param>
    public void Take(long now, bool hasWaited)
    {
        Drop(now);
        _flow.Took(0, now);
        _startedAt = now;
        bool isPermitted = _held.Count > 0 && _held[0].Start <= now;
        if (IsAlone)
        {
            pace.Take(now, hasWaited);
        }
        else
        {
            pace.Granted(isPermitted && _change is null ? Curve.After(time.Until(_movesAt, _held[0].Start).TotalSeconds) : null, now);
        }

        if (isPermitted)
        {
            _held.RemoveAt(0);
            _doubts = 0;
        }
        else
        {
            _doubts++;
            _without.Taken++;
            _done.Alone++;
        }

        if (IsAlone || _without.Taken > 0 || WantedAhead(now) > 0)
        {
            wants(this);
        }
    }

    /// <summary>A call of this process was rejected, which the pace has taken already.</summary>
    /// <param name="isChanged">Whether it made another pace.</param>
    /// <param name="taken">The calls of the last second; of use for the first rejection.</param>
    /// <param name="now">The present.</param>
    public void Rejected(bool isChanged, double taken, long now)
    {
        (_rejectedAt, _doubts) = (now, 0);
        VoidBefore(pace.PausedUntil, now);
        if (!IsAlone && (isChanged || _change is not null || _known.Version == 0))
        {
            _recent = _known.PerSecond > 0 ? 0 : taken;
            _change = isChanged ? pace.ToPermit(_known.Version, now) : _change;
            wants(this);
        }
    }

    /// <summary>Another process has met a rejection.</summary>
    /// <param name="taken">The calls of this process in the last second.</param>
    /// <param name="now">The present.</param>
    public void Heard(double taken, long now)
    {
        (_isHeard, _heardAt) = (true, now);
        if (!pace.IsKnown && taken > 0)
        {
            _recent = taken;
            wants(this);
        }
        else if (pace.IsKnown && _held.Count > 0)
        {
            // The line has stopped for a while.
            _isStale = true;
            wants(this);
        }
    }

    /// <summary>No call starts before then. If that is long, the permits in hand are void, so that other endpoints are asked for.</summary>
    public void VoidBefore(long end, long now)
    {
        if (time.Until(now, end) >= LongPause)
        {
            Void();
        }
    }

    public PermitLimit ToRequest(int priority, TimeSpan notBefore)
    {
        _without.Told = _without.Taken;
        _told = _change;
        return new()
        {
            Id = id,
            Pace = _change is null ? _known : _change with { Version = _known.Version, In = Timestamps.Min(time.Until(time.GetTimestamp(), pace.PausedUntil), LongestPause) },
            IsPaceChanged = _change is not null,
            Rejected = pace.Test.Tell(),
            Recent = _recent,
            Priority = priority,
            NotBefore = notBefore,
            TakenRequests = _without.Told,
        };
    }

    public bool TryHear(PermitPace? heard, long at)
    {
        if (heard is not { IsInRange: true })
        {
            return false;
        }

        if (_known.PerSecond == 0 && heard.PerSecond > 0)
        {
            // They were for at once, and would all start at the end of the first pause.
            Void();
        }

        bool isNew = heard.Version != _known.Version;
        bool isOwn = !isNew || (_told is not null && heard.Version == _known.Version + 1);
        IsChanged = isNew && isOwn;
        // A rejection since this was asked, which the next request tells.
        bool isLater = isOwn && _change is not null && !ReferenceEquals(_change, _told);
        (_known, _recent, _isStale, _isFleets) = (heard, 0, false, true);
        _movesAt = heard.In < TimeSpan.Zero ? at - time.After(0, -heard.In) : time.After(at, heard.In);
        _isHeard &= heard.PerSecond == 0 && time.Until(_heardAt, at) < Rumour;
        if (!isLater)
        {
            _change = null;
            if (heard.PerSecond > 0 || pace.IsKnown)
            {
                pace.Adopt(heard, Math.Max(_movesAt, isOwn ? pace.PausedUntil : at), isNew, at);
            }
        }

        for (int i = 0; i < _held.Count; i++)
        {
            _held[i] = At(_held[i].Place, _held[i].For);
        }

        return true;
    }

    public void Compare(long granted)
    {
        if (_share.IsAnew(granted))
        {
            Void();
        }
    }

    public void Add(StartPermit permit, long start, long end, bool isAhead)
    {
        Held held = _known.PerSecond > 0 ? At(permit.Place, permit.For) : new(permit.Place, start, permit.For);
        _held.Insert(_held.FindLastIndex(other => other.Place <= held.Place) + 1, held);
        _own++;
    }

    public void Answered(long nextAt, long granted, bool isRefusedAhead, long now)
    {
        bool isLate = IsAlone;
        (IsAlone, NextAt, _answeredAt) = (false, nextAt, now);
        _own += _without.Told;
        _without = (_without.Taken - _without.Told, 0);
        // What started while the answer was late are the calls that these permits are for.
        int late = isLate ? Math.Min(_without.Taken, _held.Count) : 0;
        _held.RemoveRange(0, late);
        _without.Taken -= late;
        pace.Test.Told();
        _aheadAt = isRefusedAhead ? time.After(now, IStartLine.AheadAgain) : _aheadAt;
        _share = _share.After(_own, granted, now, time.After(0, TimeSpan.FromSeconds(1)));
    }

    public void GoAlone(long until)
    {
        _aloneUntil = until;
        if (IsAlone)
        {
            return;
        }

        (IsAlone, NextAt, _change) = (true, long.MinValue, null);
        if (_isFleets && pace.IsKnown)
        {
            pace.KeepPart(_share.Of, _startedAt);
            _isFleets = false;
        }
    }

    /// <summary>When the next call may start: at the first permit in hand; without one, as soon as one can be granted.</summary>
    private long StartsAt(long now)
    {
        long start = _held.Count > 0 ? _held[0].Start : Math.Max(NextAt, time.After(now, IStartLine.Trip));
        return time.Until(now, start) <= Doubtful || IsBelieved(now) ? start : Math.Min(start, time.After(_startedAt, Doubtful / (1 << Math.Min(_doubts, MostDoubts))));
    }

    /// <summary>Calls that wait use the pace, so it comes back meanwhile.</summary>
    private PaceCurve Curve => new(_known.Plateau, _known.Cut, _known.Along, _known.Back.TotalSeconds);

    private Held At(double place, TimeSpan hold)
    {
        double calls = Math.Max(0, place - _known.Position);
        return new(place, _known.PerSecond > 0 ? time.After(_movesAt, TimeSpan.FromSeconds(Math.Min(Curve.SecondsOf(calls), 86_400))) : _movesAt, hold);
    }

    private void Void()
    {
        _done.Voided += _held.Count;
        _held.Clear();
    }

    /// <summary>What is over.</summary>
    private void Drop(long now)
    {
        if (IsAlone && now >= _aloneUntil)
        {
            // A process that was idle may have missed that permits are granted again.
            IsAlone = false;
        }

        _isHeard &= time.Until(_heardAt, now) < Remembered;
        if (pace.IsKnown && _isFleets && !IsAlone && time.Until(Math.Max(_answeredAt, _rejectedAt), now) >= Remembered)
        {
            pace.Adopt(new() { Version = _known.Version }, now, isNew: true, now);
        }

        for (int i = _held.Count - 1; i >= 0; i--)
        {
            if (time.After(_held[i].Start, _held[i].For + IStartLine.Late) < now && now >= pace.PausedUntil)
            {
                _done.Voided++;
                _held.RemoveAt(i);
            }
        }
    }

    /// <summary>A permit in hand.</summary>
    private readonly record struct Held(double Place, long Start, TimeSpan For);
}
