namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>
/// How many calls a deployment takes in how long a time, as its rejections tell, and how many of them are left. It only ever takes turns away.
/// </summary>
/// <remarks>
/// <para>
/// A rejection closes a window; the end of the pause opens the next one. What was admitted in between is what a window holds, and the time from one
/// opening to the next is how long it lasts. In the next window that many calls are let go at once, and no more until it is over, but for a few now and
/// then that feel whether there is more by now: one, and as many again each time that none of them was rejected. Where a window holds few calls, or where
/// its rejections ask for more time than it takes to open again, each look costs much, so they are far apart; else there is one in each window.
/// </para>
/// <para>
/// Nothing here is a promise of the service's. A window that is found shut at its opening says nothing of what it holds. A deployment that leaves a tenth of
/// what it could take unused for three windows is not watched any more.
/// </para>
/// <para>Written under the dispatcher's lock. <see cref="IsActive"/> is read without it, by attempts that end: one that is late ends without a look at who waits.</para>
/// </remarks>
internal sealed class Capacity(TimeProvider time, int? requestsPerMinute = null, int? tokensPerMinute = null)
{
    /// <summary>The windows by which the service is known to judge: requests by one second or ten, tokens by the minute.</summary>
    private static readonly TimeSpan[] ServicesWindows = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(60)];

    /// <summary>A window that was measured longer than the service's by less than this is the service's: hints are rounded up, and rejections come late.</summary>
    private const double MostRounded = 1.3;

    /// <summary>Looks for more may cost one call in ten, and one part in fifty of the time.</summary>
    private const double CallsBetweenLooks = 10;
    private const double LossesBetweenLooks = 50;
    private const double Ahead = 1.1;
    private const int QuietWindows = 3;
    private const double Quiet = 0.9;

    private static readonly TimeSpan PaceOf = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan BetweenNotes = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestBetweenLooks = TimeSpan.FromSeconds(60);
    /// <summary>Where no time is named it takes a probe to find that a window has opened, and a while to believe it.</summary>
    private static readonly TimeSpan LeastUnstatedLoss = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LeastQuiet = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RealWindow = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan ShortestPeriod = TimeSpan.FromMilliseconds(10);

    private readonly TimeProvider _time = time;
    private readonly Quota? _requests = requestsPerMinute is { } requests ? Quota.OfRequests(time, requests) : null;
    private readonly Quota? _tokens = tokensPerMinute is { } tokens ? Quota.OfTokens(time, tokens) : null;
    private volatile bool _active;
    private bool _closed;
    private bool _tracking;
    private bool _isServices;
    private long _openedAt;
    private long _closedAt = long.MinValue;
    private long _lastTakenAt;
    private TimeSpan _period;
    private TimeSpan _loss;
    private int _allowed;
    private int _taken;
    private int _rejected;
    private int _step;
    private long _quietSince = long.MaxValue;
    private int _shut;
    private bool _climbs;
    private int _shutToMany;
    private double _paceCalls;
    private double _paceSeconds;
    private (long At, long Answered)? _noted;

    /// <summary>What was learned passes turns over, and so attempts that end there have to look who waits.</summary>
    public bool IsActive => _active;

    /// <summary>Turns are passed over while there is no room, so every pick has to look.</summary>
    public bool IsLimited => _active || _requests is not null || _tokens is not null;

    public bool HasTokenLimit => _tokens is not null;

    /// <summary>What a window holds, as far as it is known; 0 before the first rejection.</summary>
    public int Limit { get; private set; }

    /// <summary>How long a window lasts.</summary>
    public TimeSpan Period => _period;

    /// <summary>All that it should hold was admitted in one window, and the next call was not: it is the limit, and not one rejection of many reasons.</summary>
    public bool IsConfirmed { get; private set; }

    /// <summary>The calls of this window are counted.</summary>
    public bool IsCounted => _tracking || _closed;

    /// <summary>While it is shut after a rejection: when it should open, by all that is known of its windows.</summary>
    public long ExpectedAt => _closed && IsConfirmed ? NextWindow : long.MinValue;

    public bool HasRoom => (!_active || _taken < _allowed) && _requests?.HasRoom(1) != false;

    /// <summary>How many calls it will take can be told.</summary>
    public bool IsForeseeable => _tokens is null && (IsConfirmed || _requests is not null);

    private long NextWindow => _time.After(_openedAt, _period);

    /// <summary>Notes now and then how many calls it has answered, for when a rejection comes out of the blue.</summary>
    public void Note(long answered, long now)
    {
        if (_noted is not { } noted || _time.GetElapsedTime(noted.At, now) >= BetweenNotes)
        {
            _noted = (now, answered);
        }
    }

    /// <summary>About how many calls it answered within the last <paramref name="span"/>, by the pace since the last note.</summary>
    public double AnsweredWithin(TimeSpan span, long answered, long now)
    {
        (long at, long before) = _noted ?? (now, 0);
        TimeSpan since = _time.Until(at, now);
        return (answered - before) * (since <= span ? 1 : span / since);
    }

    /// <summary>A call is about to go there.</summary>
    /// <param name="tokens">About how much of a token limit it uses.</param>
    /// <param name="now">The present.</param>
    public void Take(long tokens, long now)
    {
        _taken++;
        _lastTakenAt = now;
        _requests?.Take(1, now);
        _tokens?.Take(tokens, now);
    }

    /// <summary>Whether the configured token limit has room, as far as can be told.</summary>
    public bool HasRoomFor(long tokens) => _tokens?.HasRoom(tokens) != false;

    /// <summary>When it will have.</summary>
    public long RoomForAt(long tokens) => _tokens?.RoomAt(tokens) ?? long.MinValue;

    /// <summary>About how many calls it will take from now on within <paramref name="span"/>.</summary>
    /// <param name="span">How far ahead.</param>
    /// <param name="opensAt">When it opens, where it is shut.</param>
    /// <param name="now">The present.</param>
    public double TakenWithin(TimeSpan span, long opensAt, long now)
    {
        double learned = double.PositiveInfinity;
        if (IsConfirmed && (_active || _closed))
        {
            TimeSpan next = _time.Until(now, _closed ? Math.Max(opensAt, NextWindow) : NextWindow);
            learned = (_closed ? 0 : Math.Max(0, _allowed - _taken)) + (span < next ? 0 : Limit * (1 + Math.Floor((span - next) / _period)));
        }

        TimeSpan open = span - _time.Until(now, opensAt);
        return Math.Min(learned, _requests is null ? double.PositiveInfinity : open < TimeSpan.Zero ? 0 : _requests.Within(open));
    }

    /// <summary>A call was rejected.</summary>
    /// <param name="now">The present.</param>
    /// <param name="taken">How many calls it took in this window, this one included, as far as can be told; where nobody has counted.</param>
    public void Rejected(long now, int taken)
    {
        if (_closed)
        {
            _rejected++;
            return;
        }

        if (!_tracking)
        {
            _taken = Math.Max(taken, IsConfirmed ? Limit + 1 : 1);
        }

        _rejected = 1;
        _closed = true;
        _closedAt = now;
        _active = false;
    }

    /// <summary>The pause after a rejection is over.</summary>
    /// <param name="at">When it was over.</param>
    /// <param name="stated">Whether the endpoint itself had named that time.</param>
    /// <returns><see langword="true"/> if it may be taken at its word and gets a whole window of calls at once; else it is probed with one.</returns>
    public bool Reopen(long at, bool stated)
    {
        if (!_closed)
        {
            return false;
        }

        Learn(at, stated);
        Open(at);
        _tracking = true;
        _quietSince = long.MaxValue;
        _climbs = false;
        return stated && _shut == 0 && (Limit > 1 || IsConfirmed) && Activate();
    }

    /// <summary>A probe was admitted after a pause that nobody had named.</summary>
    /// <returns><see langword="true"/> if enough is known for a whole window of calls.</returns>
    public bool Admitted() => _tracking && !_closed && !_active && (Limit > 1 || IsConfirmed) && Activate();

    /// <summary>It takes whatever comes, for all that is known.</summary>
    public void Forget() => _tracking = _active;

    /// <summary>Brings it up to the present.</summary>
    /// <param name="now">The present.</param>
    /// <param name="rejectionTime">Within this a call would have been rejected.</param>
    /// <param name="drained">Whether all that went there are answered, and so admitted.</param>
    public void Advance(long now, TimeSpan rejectionTime, bool drained)
    {
        _requests?.Advance(now);
        _tokens?.Advance(now);
        if (!_active)
        {
            return;
        }

        if (now >= NextWindow)
        {
            NextWindows(now);
        }

        if (_active && _taken >= _allowed && (drained || now >= _time.After(_lastTakenAt, rejectionTime)) && now >= NextLook)
        {
            _allowed = _taken + _step;
            _step = Math.Min(2 * _step, Math.Max(2, Limit / 4));
        }
    }

    /// <summary>When there may be more room than now.</summary>
    public long NextChange(TimeSpan rejectionTime) => Math.Min(
        Math.Min(_requests?.NextChange ?? long.MaxValue, _tokens?.NextChange ?? long.MaxValue),
        !_active ? long.MaxValue
        : _taken < _allowed ? NextWindow
        : Math.Min(NextWindow, Math.Max(NextLook, _time.After(_lastTakenAt, rejectionTime))));

    private long NextLook => _closedAt == long.MinValue || !IsConfirmed || _climbs ? long.MinValue : _time.After(_closedAt, BetweenLooks);

    private TimeSpan BetweenLooks
    {
        get
        {
            TimeSpan between = CallsBetweenLooks / Limit * _period;
            TimeSpan forLosses = LossesBetweenLooks * _loss;
            between = between < forLosses ? forLosses : between;
            between = between < 2 * RealWindow ? 2 * RealWindow : between;
            return between < LongestBetweenLooks ? between : LongestBetweenLooks;
        }
    }

    private bool Activate()
    {
        _active = true;
        return true;
    }

    private void Open(long at)
    {
        _openedAt = at;
        _taken = 0;
        _rejected = 0;
        _closed = false;
        _step = 1 + (Limit / 32);
        // The look goes with the others, so that its rejection comes at once, and not from the window after this.
        _allowed = Limit + (NextLook <= at ? _step : 0);
    }

    private void Learn(long at, bool stated)
    {
        int admitted = _taken - _rejected;
        TimeSpan measured = _time.Until(_openedAt, stated ? at : _closedAt);
        if (admitted <= 0)
        {
            _shut++;
            Limit = _taken > 1 && ++_shutToMany > 1 ? Math.Max(1, Limit / 2) : Limit;
            if (_tracking && _isServices && stated && measured < _period)
            {
                // It was opened by our own reckoning, and too early.
                _isServices = false;
                _period += measured;
            }

            return;
        }

        _shut = 0;
        _shutToMany = 0;
        IsConfirmed = _tracking && Limit > 0 && admitted >= Limit;
        Limit = admitted;
        if (!_tracking)
        {
            _period = _period > TimeSpan.Zero ? _period : AtLeast(stated ? _time.Until(_closedAt, at) : TimeSpan.Zero);
            _loss = TimeSpan.Zero;
            return;
        }

        _period = stated ? Snap(measured) : AtLeast(measured);
        KeepPace(admitted, _time.Until(_openedAt, at));
        _loss = _time.Until(_time.After(_openedAt, _period), at);
        _loss = stated || _loss > LeastUnstatedLoss ? _loss : LeastUnstatedLoss;
    }

    /// <summary>
    /// Where room comes back bit by bit, much may have gathered before a window that was short. So a window holds no more than what was admitted per time in
    /// the long run, and a little.
    /// </summary>
    private void KeepPace(int admitted, TimeSpan passed)
    {
        double kept = Math.Exp(-passed / PaceOf);
        _paceCalls = (_paceCalls * kept) + admitted;
        _paceSeconds = (_paceSeconds * kept) + passed.TotalSeconds;
        if (passed >= RealWindow)
        {
            return;
        }

        double most = Ahead * _paceCalls / _paceSeconds;
        Limit = Math.Max(1, (int)Math.Min(Limit, most * _period.TotalSeconds));
        TimeSpan least = TimeSpan.FromSeconds(Limit / most);
        _period = _period < least ? least : _period;
    }

    private TimeSpan Snap(TimeSpan measured)
    {
        foreach (TimeSpan window in ServicesWindows)
        {
            if (measured >= 0.98 * window && measured <= MostRounded * window)
            {
                _isServices = true;
                return window;
            }
        }

        _isServices = false;
        return measured < ShortestPeriod ? ShortestPeriod : measured;
    }

    /// <summary>The shortest of the service's windows that fits.</summary>
    public static TimeSpan AtLeast(TimeSpan measured)
    {
        foreach (TimeSpan window in ServicesWindows)
        {
            if (measured <= window)
            {
                return window;
            }
        }

        return measured;
    }

    private void NextWindows(long now)
    {
        long windows = (long)(_time.Until(_openedAt, now) / _period);
        if (_taken >= Quiet * Limit && windows == 1)
        {
            _quietSince = long.MaxValue;
        }
        else if (_quietSince == long.MaxValue)
        {
            _quietSince = _taken >= Quiet * Limit ? NextWindow : _openedAt;
        }

        _climbs = _taken > Limit;
        Limit = Math.Max(Limit, _taken);
        Open(_time.After(_openedAt, windows * _period));
        TimeSpan quiet = QuietWindows * _period;
        if (_time.Until(_quietSince, now) >= (quiet > LeastQuiet ? quiet : LeastQuiet))
        {
            _active = false;
            _tracking = false;
        }
    }
}
