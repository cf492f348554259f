namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>
/// Learns a deployment's limit from its rejections: how many calls a window takes, how long it lasts, and how many calls are left in the present one. It only ever holds
/// calls back.
/// </summary>
/// <remarks>
/// <para>Congestion control calls a look "probing for bandwidth", a climb "increase", a limit halved "multiplicative decrease". A fixed-window estimator.</para>
/// <para>
/// <b>Learning.</b> A rejection shuts a window, and the end of its pause opens the next one. The calls admitted in between are the limit. The time between two openings is the
/// period: one of <see cref="ServiceWindows"/> where it is near one. Without a stated pause only the time from the opening to the rejection is known, and the period is the
/// service's shortest window that is as long. Before the first rejection calls are not counted: the limit is estimated from the endpoint's answers, and
/// <see cref="IsConfirmed"/> is false until a counted window has admitted as many.
/// </para>
/// <para>
/// <b>Use.</b> At the end of a stated pause a whole window of calls may go at once, and no more until the next window. After an unstated pause a probe goes first, and
/// the window follows when the probe is admitted.
/// </para>
/// <para>
/// <b>Looks.</b> From time to time a few calls above the limit look whether the limit has grown. The first look goes with the window's own calls, so that a rejection comes at
/// once, and its pause counts from the start of the window and not from the middle. While no look is rejected, each is twice as large as the last, and the next window begins
/// with one; the calls taken are the new limit. After a rejection the next look waits: looks may cost 1 call in 10, and 2 % of the time where a pause outlasts its window.
/// </para>
/// <para>
/// <b>Corrections.</b> A window that admits no call says nothing about the limit. The second such window in a row that rejects a whole burst halves the limit, and
/// each further one does. If our own period opened that window, the period was too short, and is lengthened. Calls that filled a window within 250 ms may have used
/// what a token bucket or a sliding window had saved up, so the limit is at most 10 % above the long-run pace. An endpoint that leaves more than a tenth of its windows unused
/// for three windows is not held back any more.
/// </para>
/// <para>
/// Written under the balancer's lock. <see cref="HoldsBack"/> is also read without it, by attempts that end: a stale read lets one attempt end without a settlement.
/// </para>
/// </remarks>
internal sealed class LearnedWindows(TimeProvider time)
{
    /// <summary>The budget for looks above the limit: 1 call in 10, and (<see cref="LossesBetweenLooks"/>) 2 % of the time.</summary>
    private const double CallsBetweenLooks = 10;

    /// <inheritdoc cref="CallsBetweenLooks"/>
    private const double LossesBetweenLooks = 50;

    /// <summary>The first look is 1/32 of the limit, so that a large limit is found in few windows.</summary>
    private const int FirstLook = 32;

    /// <summary>A look is at most 1/4 of the limit, since all of it may be rejected.</summary>
    private const int LargestLook = 4;

    /// <summary>A window that takes less than this part of its limit is quiet: the limit does not hold calls back.</summary>
    private const double Used = 0.9;

    /// <summary>Quiet windows in a row after which the endpoint is not held back any more.</summary>
    private const int QuietWindows = 3;

    /// <summary>The limit may exceed the long-run pace by this factor, so that a limit that has grown is still found.</summary>
    private const double AbovePace = 1.1;

    /// <summary>Even a limit of one call is looked at again within this time.</summary>
    private static readonly TimeSpan LongestBetweenLooks = TimeSpan.FromSeconds(60);

    /// <summary>Without this, windows of a few milliseconds would each begin with a look.</summary>
    private static readonly TimeSpan ShortestBetweenLooks = TimeSpan.FromMilliseconds(500);

    /// <summary>The least time lost to a rejection without a stated pause, since a probe must find that the next window has opened.</summary>
    private static readonly TimeSpan LeastUnstatedLoss = TimeSpan.FromMilliseconds(500);

    /// <summary>The least time for three quiet windows, for windows of milliseconds.</summary>
    private static readonly TimeSpan LeastQuiet = TimeSpan.FromSeconds(1);

    /// <summary>A quarter of the service's shortest window. A shorter time from opening to opening means that the room comes back bit by bit.</summary>
    private static readonly TimeSpan ShortestSpell = TimeSpan.FromMilliseconds(250);

    /// <summary>Keeps the number of windows finite where an endpoint states pauses near zero.</summary>
    private static readonly TimeSpan ShortestPeriod = TimeSpan.FromMilliseconds(10);

    private readonly TimeProvider _time = time;
    private volatile Phase _phase;
    private bool _wasCounted;
    private bool _isServices;
    private long _openedAt;
    private long _shutAt = long.MinValue;
    private long _lastTakenAt;
    private TimeSpan _loss;
    private int _allowed;
    private int _taken;
    private int _rejected;
    private int _look;
    private bool _climbs;
    private long _quietSince = long.MaxValue;
    private int _foundShut;
    private int _burstsFoundShut;
    private AdmittedPace _pace;

    private enum Phase
    {
        /// <summary>No limit is known to apply, and calls are not counted.</summary>
        Unwatched,

        /// <summary>A rejection has shut the window.</summary>
        Shut,

        /// <summary>The pause is over, but it was not stated, or was wrong before: one call at a time probes.</summary>
        Probed,

        /// <summary>A window is open for as many calls as its limit. This is no circuit breaker's "open": it takes calls.</summary>
        Open,
    }

    /// <summary>Calls may be held back, so the end of an attempt here must settle the queue.</summary>
    public bool HoldsBack => _phase == Phase.Open;

    /// <summary>The calls that a window takes, as far as known; 0 before the first rejection.</summary>
    public int Limit { get; private set; }

    /// <summary>How long a window lasts.</summary>
    public TimeSpan Period { get; private set; }

    /// <summary>A counted window admitted as many calls as the limit and rejected the next one, so the rejection had no other reason.</summary>
    public bool IsConfirmed { get; private set; }

    /// <summary>The calls of this window are counted.</summary>
    public bool IsCounted => _phase != Phase.Unwatched;

    /// <summary>While it is shut after a rejection: when the next window should open, by its period.</summary>
    public long ExpectedAt => _phase == Phase.Shut && IsConfirmed ? NextWindow : long.MinValue;

    public bool HasRoom => !HoldsBack || _taken < _allowed;

    private bool IsKnown => Limit > 1 || IsConfirmed;

    private long NextWindow => _time.After(_openedAt, Period);

    /// <summary>When a look may go: at once before the first rejection, while the limit is not confirmed, and after a window that took more than its limit.</summary>
    private long NextLook => _shutAt == long.MinValue || !IsConfirmed || _climbs ? long.MinValue : _time.After(_shutAt, BetweenLooks);

    private TimeSpan BetweenLooks => Min(Max(Max(CallsBetweenLooks / Limit * Period, LossesBetweenLooks * _loss), ShortestBetweenLooks), LongestBetweenLooks);

    /// <summary>A call is about to go to the endpoint.</summary>
    public void Take(long now)
    {
        _taken++;
        _lastTakenAt = now;
    }

    /// <summary>A call was rejected.</summary>
    /// <param name="now">The present.</param>
    /// <param name="taken">An estimate of the calls in this window, including this one; used where calls were not counted.</param>
    public void Rejected(long now, int taken)
    {
        if (_phase == Phase.Shut)
        {
            _rejected++;
            return;
        }

        _wasCounted = IsCounted;
        if (!_wasCounted)
        {
            _taken = Math.Max(taken, IsConfirmed ? Limit + 1 : 1);
        }

        _rejected = 1;
        _shutAt = now;
        _phase = Phase.Shut;
    }

    /// <summary>The pause after a rejection is over.</summary>
    /// <param name="at">When it ended.</param>
    /// <param name="stated">Whether the endpoint itself stated that time.</param>
    /// <returns><see langword="true"/> if a whole window of calls may go at once; else one call probes.</returns>
    public bool Reopen(long at, bool stated)
    {
        if (_phase != Phase.Shut)
        {
            return false;
        }

        Learn(at, stated);
        Open(at);
        _climbs = false;
        _quietSince = long.MaxValue;
        _phase = stated && _foundShut == 0 && IsKnown ? Phase.Open : Phase.Probed;
        return HoldsBack;
    }

    /// <summary>A probe was admitted.</summary>
    /// <returns><see langword="true"/> if the limit is known, so that a whole window of calls may follow.</returns>
    public bool Admitted()
    {
        if (_phase != Phase.Probed || !IsKnown)
        {
            return false;
        }

        _phase = Phase.Open;
        return true;
    }

    /// <summary>The ramp has ended: the endpoint took every call, so no call is held back until the next rejection.</summary>
    public void Forget() => _phase = HoldsBack ? Phase.Open : Phase.Unwatched;

    /// <summary>Brings it up to the present.</summary>
    /// <param name="now">The present.</param>
    /// <param name="rejectionTime">The time within which the endpoint would have rejected a call.</param>
    /// <param name="drained">Whether all calls there are answered, and so admitted.</param>
    public void Advance(long now, TimeSpan rejectionTime, bool drained)
    {
        if (HoldsBack && now >= NextWindow)
        {
            BeginNextWindow(now);
        }

        if (!HasRoom && (drained || now >= _time.After(_lastTakenAt, rejectionTime)) && now >= NextLook)
        {
            _allowed = _taken + _look;
            _look = Math.Min(2 * _look, Math.Max(2, Limit / LargestLook));
        }
    }

    /// <summary>When there may be more room than now.</summary>
    public long NextChange(TimeSpan rejectionTime) =>
        !HoldsBack ? long.MaxValue
        : HasRoom ? NextWindow
        : Math.Min(NextWindow, Math.Max(NextLook, _time.After(_lastTakenAt, rejectionTime)));

    /// <summary>A forecast of the calls that it will take within <paramref name="span"/> from now; infinite where the limit is not confirmed.</summary>
    /// <param name="span">How far ahead.</param>
    /// <param name="opensAt">When the window opens, where it is shut.</param>
    /// <param name="now">The present.</param>
    public double TakenWithin(TimeSpan span, long opensAt, long now)
    {
        bool isShut = _phase == Phase.Shut;
        if (!IsConfirmed || !(HoldsBack || isShut))
        {
            return double.PositiveInfinity;
        }

        TimeSpan next = _time.Until(now, isShut ? Math.Max(opensAt, NextWindow) : NextWindow);
        int left = isShut ? 0 : Math.Max(0, _allowed - _taken);
        return left + (span < next ? 0 : Limit * (1 + Math.Floor((span - next) / Period)));
    }

    private void Learn(long at, bool stated)
    {
        int admitted = _taken - _rejected;
        TimeSpan measured = _time.Until(_openedAt, stated ? at : _shutAt);
        if (admitted <= 0)
        {
            FindShut(measured, stated);
            return;
        }

        (_foundShut, _burstsFoundShut) = (0, 0);
        IsConfirmed = _wasCounted && Limit > 0 && admitted >= Limit;
        Limit = admitted;
        if (!_wasCounted)
        {
            Period = Period > TimeSpan.Zero ? Period : ServiceWindows.AtLeast(stated ? _time.Until(_shutAt, at) : TimeSpan.Zero);
            _loss = TimeSpan.Zero;
            return;
        }

        Period = stated ? Match(measured) : ServiceWindows.AtLeast(measured);
        KeepToPace(admitted, _time.Until(_openedAt, at));
        _loss = Max(_time.Until(_time.After(_openedAt, Period), at), stated ? TimeSpan.Zero : LeastUnstatedLoss);
    }

    private void FindShut(TimeSpan measured, bool stated)
    {
        _foundShut++;
        if (_taken > 1 && ++_burstsFoundShut > 1)
        {
            Limit = Math.Max(1, Limit / 2);
        }

        if (_wasCounted && _isServices && stated && measured < Period)
        {
            // Our own period opened it, and too early.
            _isServices = false;
            Period += measured;
        }
    }

    private TimeSpan Match(TimeSpan measured)
    {
        TimeSpan? window = ServiceWindows.Match(measured);
        _isServices = window is not null;
        return window ?? Max(measured, ShortestPeriod);
    }

    /// <summary>Where the next opening came within 250 ms, the limit is at most 10 % above the long-run pace.</summary>
    private void KeepToPace(int admitted, TimeSpan spell)
    {
        _pace.Add(admitted, spell);
        if (spell >= ShortestSpell)
        {
            return;
        }

        double most = AbovePace * _pace.PerSecond;
        Limit = Math.Max(1, (int)Math.Min(Limit, most * Period.TotalSeconds));
        Period = Max(Period, TimeSpan.FromSeconds(Limit / most));
    }

    private void BeginNextWindow(long now)
    {
        long windows = (long)(_time.Until(_openedAt, now) / Period);
        bool wasUsed = _taken >= Used * Limit;
        if (wasUsed && windows == 1)
        {
            _quietSince = long.MaxValue;
        }
        else if (_quietSince == long.MaxValue)
        {
            _quietSince = wasUsed ? NextWindow : _openedAt;
        }

        _climbs = _taken > Limit;
        Limit = Math.Max(Limit, _taken);
        Open(_time.After(_openedAt, windows * Period));
        if (_time.Until(_quietSince, now) >= Max(QuietWindows * Period, LeastQuiet))
        {
            _phase = Phase.Unwatched;
        }
    }

    private void Open(long at)
    {
        _openedAt = at;
        _taken = 0;
        _rejected = 0;
        _look = 1 + (Limit / FirstLook);
        _allowed = Limit + (NextLook <= at ? _look : 0);
    }

    private static TimeSpan Max(TimeSpan left, TimeSpan right) => left > right ? left : right;

    private static TimeSpan Min(TimeSpan left, TimeSpan right) => left < right ? left : right;
}
