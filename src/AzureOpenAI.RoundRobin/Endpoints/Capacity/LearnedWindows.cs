namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>
/// How many calls a deployment takes in how long a time, as its rejections tell, and how many of them are left. It only ever takes turns away.
/// </summary>
/// <remarks>
/// <para>
/// <b>What is learned.</b> A rejection shuts a window; the end of the pause opens the next. What was admitted in between is what a window holds, and the time
/// from one opening to the next is how long it lasts: one of <see cref="ServiceWindows"/> where it is near one. Where no pause was stated, the time from the
/// opening to the rejection is all that is known, and the window is the shortest of the service's that it fits into. A first rejection comes out of the
/// blue; what it took until then is reckoned from its answers, and is not <see cref="IsConfirmed"/> before a counted window has held as many.
/// </para>
/// <para>
/// <b>What is done with it.</b> When a stated pause is over, a whole window of calls is let go at once, and no more until the next begins. After an unstated
/// one a probe goes first, and the window follows when that is admitted.
/// </para>
/// <para>
/// <b>Looks for more</b> (congestion control calls it probing). A few calls above the limit feel now and then whether there is more by now. The first look goes
/// with the window's own calls, so that its rejection comes at once and the pause counts from there, and not from the middle of the next window. While none
/// is rejected further looks follow, each twice as large as the last, and a window that took more than it should lets the next begin with one; what was
/// taken is the new limit. After a rejection there is none for a while: one call in ten may be lost to looks, and one part in fifty of the time where the pause is longer
/// than the rest of the window.
/// </para>
/// <para>
/// <b>What is not believed.</b> A window that is found shut at its opening says nothing of what it holds; but the second in a row that rejects a whole burst
/// halves it, and so on until one is admitted. If it was opened by our own reckoning, the reckoning was too short, and is lengthened. A spell that was
/// shorter than 250 ms may have spent what gathered before it (a token bucket, a sliding window), so a window holds no more than a little above what was
/// admitted in the long run. An endpoint that leaves a tenth of its windows unused for three of them is not held back any more.
/// </para>
/// <para>Written under the dispatcher's lock. <see cref="HoldsBack"/> is read without it, by attempts that end: one that is late ends without a look at who waits.</para>
/// </remarks>
internal sealed class LearnedWindows(TimeProvider time)
{
    /// <summary>Looks may cost one call in so many...</summary>
    private const double CallsBetweenLooks = 10;

    /// <summary>...and one part in so many of the time.</summary>
    private const double LossesBetweenLooks = 50;

    /// <summary>A first look is this part of the limit, so that a large one is felt out in few windows.</summary>
    private const int FirstLook = 32;

    /// <summary>A look never exceeds this part of the limit, since all of it may be rejected.</summary>
    private const int LargestLook = 4;

    /// <summary>A window that takes less than this part of its limit is not what holds the endpoint back.</summary>
    private const double Used = 0.9;

    /// <summary>One quiet window is chance, three are not.</summary>
    private const int QuietWindows = 3;

    /// <summary>Above the pace of the long run by this, so that a limit that has grown is still found.</summary>
    private const double AbovePace = 1.1;

    /// <summary>Even a limit that holds one call is looked at again within the minute.</summary>
    private static readonly TimeSpan LongestBetweenLooks = TimeSpan.FromSeconds(60);

    /// <summary>Windows of a few milliseconds would be looked at in each.</summary>
    private static readonly TimeSpan ShortestBetweenLooks = TimeSpan.FromMilliseconds(500);

    /// <summary>Where no time is stated it takes a probe to find that a window has opened, and a while to believe it.</summary>
    private static readonly TimeSpan LeastUnstatedLoss = TimeSpan.FromMilliseconds(500);

    /// <summary>Three windows of milliseconds are no time to tell that it is quiet.</summary>
    private static readonly TimeSpan LeastQuiet = TimeSpan.FromSeconds(1);

    /// <summary>No window of the service's is shorter than four of these; a shorter spell is room that comes back bit by bit.</summary>
    private static readonly TimeSpan ShortestSpell = TimeSpan.FromMilliseconds(250);

    /// <summary>Keeps the count of windows finite where an endpoint asks for pauses of next to nothing.</summary>
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
        /// <summary>It takes whatever comes, for all that is known, and nobody counts.</summary>
        Unwatched,

        /// <summary>A rejection has shut the window.</summary>
        Shut,

        /// <summary>The pause is over, but nobody says so, or it was wrong before: one call at a time feels its way.</summary>
        Probed,

        /// <summary>A window is open for what it holds.</summary>
        Open,
    }

    /// <summary>Turns may be passed over, and so attempts that end here have to look who waits.</summary>
    public bool HoldsBack => _phase == Phase.Open;

    /// <summary>What a window holds, as far as it is known; 0 before the first rejection.</summary>
    public int Limit { get; private set; }

    /// <summary>How long a window lasts.</summary>
    public TimeSpan Period { get; private set; }

    /// <summary>All that it should hold was admitted in one window, and the next call was not: it is the limit, and not one rejection of many reasons.</summary>
    public bool IsConfirmed { get; private set; }

    /// <summary>The calls of this window are counted.</summary>
    public bool IsCounted => _phase != Phase.Unwatched;

    /// <summary>While it is shut after a rejection: when it should open, by all that is known of its windows.</summary>
    public long ExpectedAt => _phase == Phase.Shut && IsConfirmed ? NextWindow : long.MinValue;

    public bool HasRoom => !HoldsBack || _taken < _allowed;

    private bool IsKnown => Limit > 1 || IsConfirmed;

    private long NextWindow => _time.After(_openedAt, Period);

    /// <summary>At once before the first rejection, while one window is not yet as good as another, and after one that took more than it should.</summary>
    private long NextLook => _shutAt == long.MinValue || !IsConfirmed || _climbs ? long.MinValue : _time.After(_shutAt, BetweenLooks);

    private TimeSpan BetweenLooks => Min(Max(Max(CallsBetweenLooks / Limit * Period, LossesBetweenLooks * _loss), ShortestBetweenLooks), LongestBetweenLooks);

    /// <summary>A call is about to go there.</summary>
    public void Take(long now)
    {
        _taken++;
        _lastTakenAt = now;
    }

    /// <summary>A call was rejected.</summary>
    /// <param name="now">The present.</param>
    /// <param name="taken">How many calls it took in this window, this one included, as far as can be told; where nobody has counted.</param>
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
    /// <param name="at">When it was over.</param>
    /// <param name="stated">Whether the endpoint itself had named that time.</param>
    /// <returns><see langword="true"/> if it may be taken at its word and gets a whole window of calls at once; else it is probed with one.</returns>
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
    /// <returns><see langword="true"/> if enough is known for a whole window of calls.</returns>
    public bool Admitted()
    {
        if (_phase != Phase.Probed || !IsKnown)
        {
            return false;
        }

        _phase = Phase.Open;
        return true;
    }

    /// <summary>It has shown call by call that it takes what comes, so there is nothing to hold back from.</summary>
    public void Forget() => _phase = HoldsBack ? Phase.Open : Phase.Unwatched;

    /// <summary>Brings it up to the present.</summary>
    /// <param name="now">The present.</param>
    /// <param name="rejectionTime">Within this a call would have been rejected.</param>
    /// <param name="drained">Whether all that went there are answered, and so admitted.</param>
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

    /// <summary>About how many calls it will take from now on within <paramref name="span"/>; without end where nothing is known.</summary>
    /// <param name="span">How far ahead.</param>
    /// <param name="opensAt">When it opens, where it is shut.</param>
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
            // It was opened by our own reckoning, and too early.
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

    /// <summary>After a short spell a window holds no more than what was admitted in the long run, and a little.</summary>
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
