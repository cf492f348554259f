namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>
/// The pace at which a deployment takes calls, learned from its rejections. It assumes nothing of the limiter: after a rejection and its pause calls go one by one, a little
/// slower than before, and come back to the rate that was rejected and beyond it.
/// </summary>
/// <remarks>
/// <para>
/// Congestion control calls this CUBIC: a cut, a plateau, and a growth that is flat about the plateau. It differs in what a rejection costs: where pauses are told in
/// milliseconds a rejection costs nothing, and the way back is short; where they are told in whole seconds, always alike, or not at all, a rejection costs most of its pause, and
/// the way back is long, so that all pauses together take about 4 % of the time.
/// </para>
/// <para>
/// Before the first rejection no call is held back. The first one sets the rate to the calls of the last second, and may be far off: too high falls by cuts that double, too low
/// grows at once. Where a rejection is dear, each rejection of those calls takes one off.
/// </para>
/// <para>A rate that is not used does not grow: only a call that goes as soon as it may proves anything. Not safe for concurrent use; the balancer's lock guards it.</para>
/// </remarks>
internal sealed class Pace(TimeProvider time)
{
    /// <summary>The part of the rate that a rejection takes.</summary>
    private const double Cut = 0.1;

    /// <summary>The same where rejections are dear: the way back is long, and a tenth would be missing for most of it.</summary>
    private const double CutWhereDear = 0.05;

    /// <summary>A call that is rejected as the first after a pause says that the pause was too short, and little of the rate.</summary>
    private const double CutAtFirst = 0.02;

    /// <summary>A rejection this early on the way back says that the limit is far below: each one cuts twice as much as the last.</summary>
    private const double Early = 0.3;

    private const double LargestCut = 0.4;

    /// <summary>A rejection that costs more than this, in seconds, is dear.</summary>
    private const double Dear = 0.3;

    /// <summary>The way back takes this many times what a rejection costs.</summary>
    private const double CostsApart = 25;

    /// <summary>The way back takes at least the time of this many calls.</summary>
    private const double LeastCallsApart = 20;

    /// <summary>The seconds of the way back, at least and at most.</summary>
    private const double ShortestBack = 1, LongestBack = 30;

    /// <summary>The seconds of the first way back, after a first rate that is a guess.</summary>
    private const double FirstBack = 1.5;

    /// <summary>The way back takes at least this part of the longest pause that was stated lately: a long window does not say at once that the rate is too high.</summary>
    private const double PartOfLongest = 0.5;

    /// <summary>A pause is at most doubled this often because the first call after it was rejected again.</summary>
    private const int MostDoublings = 4;

    private const double LeastRate = PermitPace.LeastRate;

    /// <summary>Where all processes keep one pace, the first call after a pause is one within this part of the time of a call.</summary>
    private const double FirstWithin = 0.9;

    /// <summary>What a call may be late without the next one being late too.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(2);

    /// <summary>The same where the call waited for its turn: then the timer was late, which fires every 15 ms on some systems, and later on a busy one.</summary>
    private static readonly TimeSpan SlackOfTimer = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// For so long after the first rejection a cut does not take the rate below what was admitted, where a rejection costs nothing. The calls before it came unevenly, so a
    /// window that slides has room as unevenly, and rejects calls at the right rate.
    /// </summary>
    private static readonly TimeSpan Uneven = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan ShortestUnstated = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestFirstUnstated = TimeSpan.FromSeconds(1);

    /// <summary>No pause that nobody stated is longer, nor what a stated one is doubled to.</summary>
    private static readonly TimeSpan LongestUnstated = TimeSpan.FromSeconds(30);

    private readonly TimeProvider _time = time;
    private readonly RateTest _test = new(time);
    private readonly AdmittedRate _admitted = new(time);
    private readonly RejectionCost _cost = new(time);
    private readonly QuietCount _quiet = new(time);
    private double _plateau;
    private double _cut;
    private double _along;
    private double _back;
    private long _next = long.MinValue;
    private long _until = long.MinValue;
    private long _statedUntil = long.MinValue;
    private bool _isGuess;
    private bool _isFirst;
    private long _secondAt = long.MinValue;
    private int _firstsRejected;
    private long _knownAt;
    private TimeSpan _lastUnstated;
    private long _oldBefore = long.MinValue;

    /// <summary>Calls a second; 0 while no limit is known.</summary>
    public double PerSecond { get; private set; }

    public bool IsKnown => PerSecond > 0;

    /// <summary>The rate was rejected once since the first guess, so it is near the limit.</summary>
    public bool IsConfirmed { get; private set; }

    /// <summary>When the next call may go.</summary>
    public long RoomAt => Math.Max(_next, _until);

    /// <summary>The end of the pause after the last rejection, stated or not.</summary>
    public long PausedUntil => _until;

    /// <summary>The endpoint takes no call before this timestamp, whatever happens: it stated the time itself.</summary>
    public long StatedUntil => _statedUntil;

    /// <summary>A call is about to go to the endpoint.</summary>
    /// <param name="now">The present.</param>
    /// <param name="hasWaited">Whether the call waited for its turn.</param>
    /// <param name="weight">What it takes, in usual calls.</param>
    public void Take(long now, bool hasWaited = false, double weight = 1)
    {
        if (!IsKnown)
        {
            return;
        }

        long due = RoomAt;
        TimeSpan interval = TimeSpan.FromSeconds(weight / PerSecond);
        TimeSpan slack = hasWaited ? SlackOfTimer : Slack;
        if (now <= _time.After(due, Timestamps.Max(slack, 0.1 * interval)))
        {
            Grow(weight / PerSecond);
            interval = TimeSpan.FromSeconds(weight / PerSecond);
        }

        _isGuess = false;
        _test.Took();
        _admitted.Sent(now);
        if (_isFirst)
        {
            _isFirst = false;
        }
        else if (_secondAt == long.MaxValue)
        {
            _secondAt = now;
        }

        _next = _time.After(Math.Max(due, _time.After(now, -slack)), interval);
        if (_quiet.Took(PerSecond, now))
        {
            (PerSecond, IsConfirmed, _next) = (0, false, long.MinValue);
        }
    }

    /// <summary>A call was rejected.</summary>
    /// <param name="now">The present.</param>
    /// <param name="sentAt">When it was sent. One that was sent before the last pause ended says nothing new, but may lengthen the pause.</param>
    /// <param name="stated">The pause that the endpoint stated.</param>
    /// <param name="taken">The calls of the last second, with this one; for the first rejection.</param>
    /// <returns>Whether it made another pace; else it may have made the pause longer.</returns>
    public bool Rejected(long now, long sentAt, TimeSpan? stated, double taken)
    {
        bool isFirst = IsKnown && sentAt >= _until && sentAt < _secondAt;
        _admitted.Rejected(now);
        if (!isFirst)
        {
            _test.Rejected(sentAt);
        }

        if (sentAt < Math.Max(_until, _oldBefore))
        {
            Pause(now, stated);
            GuessLess();
            return false;
        }

        bool wasKnown = IsKnown;
        _firstsRejected = isFirst ? _firstsRejected + 1 : 0;
        if (!wasKnown)
        {
            (PerSecond, _knownAt) = (Math.Max(taken, LeastRate), now);
            _quiet.Begin(now);
            _admitted.Begin(PerSecond, now);
        }

        double cost = stated is { } told ? _cost.Of(told, now) : Unstated(now, isFirst);
        _lastUnstated = stated is null ? _lastUnstated : TimeSpan.Zero;
        Pause(now, stated);
        if (stated is { } pause && _firstsRejected > 0)
        {
            // The pause that was told before was too short, so this one is too; but a long one is not doubled, since its end may be the true one.
            _until = Math.Max(_until, _time.After(now, Timestamps.Min(pause * (1 << Math.Min(_firstsRejected, MostDoublings)), LongestUnstated)));
        }

        (_isFirst, _secondAt) = (true, long.MaxValue);
        if (!wasKnown)
        {
            // Where a rejection costs nothing, the rate may grow at once.
            (_along, _back, _cut) = cost > Dear ? (0, FirstBack, CutWhereDear) : (1, ShortestBack, 0);
            _plateau = PerSecond;
            _isGuess = cost > Dear;
            IsConfirmed = false;
            _test.Begin(PerSecond, now);
        }
        else
        {
            CutOrHold(now, cost, isFirst, isStated: stated is not null);
        }

        PerSecond = Math.Max(LeastRate, _along < 1 ? _plateau * (1 - _cut) : _plateau);
        return true;
    }

    /// <summary>A call is about to go to the endpoint at the time that the others have granted. Then they know whether the pace is used, and it grows for all.</summary>
    /// <param name="curve">How far it has come by then.</param>
    /// <param name="now">The present.</param>
    public void Granted(PaceCurve? curve, long now)
    {
        if (curve is { } reached && IsKnown)
        {
            Reach(reached);
        }

        _isGuess = false;
        _admitted.Sent(now);
    }

    /// <summary>All processes keep one pace, which another one may have changed.</summary>
    /// <param name="pace">Checked. Where its rate is 0, none is known any more.</param>
    /// <param name="movesAt">The end of the pause.</param>
    /// <param name="isNew">Whether it is another one than this process knew. Calls that were sent before the end of its pause say nothing new of it.</param>
    /// <param name="now">The present.</param>
    public void Adopt(PermitPace pace, long movesAt, bool isNew, long now)
    {
        if (!IsKnown)
        {
            _knownAt = _time.After(now, -2 * Uneven);
            _quiet.Begin(now);
        }

        (PerSecond, IsConfirmed, _plateau, _cut, _along, _back) = (pace.PerSecond, pace.IsConfirmed, pace.Plateau, pace.Cut, pace.Along, pace.Back.TotalSeconds);
        (_firstsRejected, _lastUnstated, _isGuess) = (pace.FirstsRejected, pace.LastUnstated, false);
        _test.Adopt(pace, now);
        if (isNew)
        {
            (_isFirst, _oldBefore) = (false, movesAt);
            _secondAt = IsKnown ? _time.After(movesAt, TimeSpan.FromSeconds(FirstWithin / PerSecond)) : long.MinValue;
        }
    }

    /// <summary>From here on this process keeps a part of the rate by itself, counted from its last start, and at least one call in two seconds where the rate allows it.</summary>
    public void KeepPart(double share, long startedAt)
    {
        double part = Math.Max(share, Math.Min(1, 0.5 / PerSecond));
        (PerSecond, _plateau) = (Math.Max(LeastRate, part * PerSecond), Math.Max(LeastRate, part * _plateau));
        _next = _time.After(startedAt, TimeSpan.FromSeconds(1 / PerSecond));
    }

    /// <summary>The test whether rejections depend on the rate, which all processes make together.</summary>
    public RateTest Test => _test;

    /// <summary>The pace for the others, after a rejection.</summary>
    public PermitPace ToPermit(long version, long now) => _test.Write(new()
    {
        Version = version,
        PerSecond = PerSecond,
        Plateau = _plateau,
        Cut = _cut,
        Along = _along,
        Back = TimeSpan.FromSeconds(_back),
        IsConfirmed = IsConfirmed,
        FirstsRejected = Math.Min(_firstsRejected, MostDoublings),
        LastUnstated = _lastUnstated,
        In = _time.Until(now, _until),
    }, now);

    private void CutOrHold(long now, double cost, bool isFirst, bool isStated)
    {
        // A guess from so few calls says nothing, and a first call after a pause little: the rate goes on growing.
        if (isFirst && isStated && !IsConfirmed && _plateau < LeastCallsApart)
        {
            _plateau = Math.Max(LeastRate, _plateau * (1 - CutAtFirst));
            (_along, _back) = (1, ShortestBack);
            return;
        }

        bool isUneven = isStated && cost <= Dear && _time.Until(_knownAt, now) <= Uneven;
        RateVerdict verdict = isUneven || (isFirst && !_test.HoldsRate) ? RateVerdict.Cut : _test.Judge(now, PerSecond, _plateau, cameBack: IsConfirmed && _along >= 1);
        if (verdict is RateVerdict.Hold or RateVerdict.TryMore)
        {
            _plateau = verdict == RateVerdict.TryMore ? Math.Max(PerSecond, Math.Min(_test.Top, 2 * PerSecond)) : PerSecond;
            _along = 1;
            _back = Math.Clamp(LeastCallsApart / _plateau, ShortestBack, LongestBack);
            return;
        }

        double usual = cost > Dear ? CutWhereDear : Cut;
        _cut = isFirst ? _cut : _along < Early ? Math.Min(LargestCut, 2 * Math.Max(_cut, usual)) : usual;
        _plateau = verdict == RateVerdict.BackToLow ? _test.Low : isFirst ? Math.Max(LeastRate, _plateau * (1 - CutAtFirst)) : PerSecond;
        if (isUneven)
        {
            _cut = Math.Min(_cut, Math.Max(CutAtFirst, 1 - (_admitted.PerSecond / _plateau)));
            _test.Begin(_plateau * (1 - _cut), now);
        }

        _along = 0;
        IsConfirmed = true;
        double least = Math.Max(LeastCallsApart / _plateau, PartOfLongest * _cost.Longest.TotalSeconds);
        _back = Math.Clamp(Math.Max(CostsApart * cost, least), ShortestBack, LongestBack);
    }

    /// <summary>Holds all calls back until then, and changes no rate.</summary>
    public void PauseUntil(long until, bool isStated)
    {
        _until = Math.Max(_until, until);
        _statedUntil = isStated ? Math.Max(_statedUntil, until) : _statedUntil;
    }

    /// <summary>A call was rejected that the first rate was reckoned with.</summary>
    private void GuessLess()
    {
        if (_isGuess)
        {
            _plateau = Math.Max(1, _plateau - 1);
            PerSecond = _plateau * (1 - _cut);
        }
    }

    private void Grow(double seconds) => Reach(new PaceCurve(_plateau, _cut, _along, _back).After(seconds));

    private void Reach(PaceCurve curve) => (_along, PerSecond) = (curve.Along, curve.PerSecond);

    private void Pause(long now, TimeSpan? stated)
    {
        if (stated is { } pause)
        {
            PauseUntil(_time.After(now, pause), isStated: true);
        }
    }

    /// <summary>Begins a pause that nobody stated: the time of one call, doubled while the first call after it is rejected again.</summary>
    /// <returns>What it costs: about half of it.</returns>
    private double Unstated(long now, bool isFirst)
    {
        TimeSpan first = Timestamps.Min(Timestamps.Max(TimeSpan.FromSeconds(1 / PerSecond), ShortestUnstated), LongestFirstUnstated);
        _lastUnstated = isFirst && _lastUnstated > TimeSpan.Zero ? Timestamps.Min(2 * _lastUnstated, LongestUnstated) : first;
        _until = Math.Max(_until, _time.After(now, _lastUnstated));
        return _lastUnstated.TotalSeconds / 2;
    }
}
