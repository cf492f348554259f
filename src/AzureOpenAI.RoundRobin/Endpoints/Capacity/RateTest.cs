namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>
/// Finds out whether an endpoint's rejections depend on the rate of calls at all. A service whose nodes are overloaded, or a gateway of its own mind, may reject every tenth call
/// whatever the rate: then each cut costs calls and saves none, and the rate would fall for ever.
/// </summary>
/// <remarks>
/// <para>
/// A limit that is exceeded rejects a larger share of the calls at a higher rate. So where the rate has been cut to three quarters, and calls are still rejected before it came back,
/// twice the rate is tried, at most the one before the cuts. If it has about the same share of rejections, they say nothing of the rate, and cut it no more until their share rises.
/// </para>
/// <para>Networks know the same as telling random loss from congestion. Not safe for concurrent use; the balancer's lock guards it.</para>
/// </remarks>
internal sealed class RateTest(TimeProvider time)
{
    /// <summary>A rate of at most this part of the one before the cuts is a lower one.</summary>
    private const double LowPart = 0.75;

    /// <summary>A higher rate is tried after this many rejections at the lower one.</summary>
    private const int LeastRejected = 4;

    /// <summary>The same where that took so many calls that their share is known.</summary>
    private const int LeastOfMany = 2;

    /// <summary>The share of rejections is taken over this many calls.</summary>
    private const int Calls = 40;

    /// <summary>More failed trials are not counted: the time between them grows no longer.</summary>
    private const int MostFailed = 5;

    /// <summary>A window of the service may keep room for calls above its limit for so long.</summary>
    private static readonly TimeSpan LongestWindow = TimeSpan.FromSeconds(10);

    /// <summary>After a failed trial the next one waits for the first of these, doubled with each that failed.</summary>
    private static readonly TimeSpan FirstApart = TimeSpan.FromSeconds(30), LongestApart = TimeSpan.FromMinutes(10);

    private readonly TimeProvider _time = time;
    private Phase _phase;
    private long _since = long.MinValue;
    private int _calls;
    private int _rejected;
    private int _met;
    private int _told;
    private double _shareAtLow;
    private bool _isGuess;
    private long _notBefore = long.MinValue;
    private int _failed;

    private enum Phase
    {
        /// <summary>The rate is near the one that was held last.</summary>
        Near,

        /// <summary>The rate was cut to three quarters or less, and has not come back.</summary>
        Lower,

        /// <summary>A higher rate is tried.</summary>
        Tried,

        /// <summary>Rejections say nothing of the rate.</summary>
        Indifferent,
    }

    /// <summary>The rate before the cuts.</summary>
    public double Top { get; private set; }

    /// <summary>The plateau of the lower rate, to which a failed trial goes back.</summary>
    public double Low { get; private set; }

    /// <summary>The rate is not cut: it is being tried, or rejections say nothing of it.</summary>
    public bool HoldsRate => _phase >= Phase.Tried;

    /// <summary>A call went to the endpoint.</summary>
    public void Took() => _calls++;

    /// <summary>A call was rejected, also one that was sent before a pause. One from before this phase says of the first rate that it was never held.</summary>
    public void Rejected(long sentAt)
    {
        if (sentAt >= _since)
        {
            _rejected++;
            _met++;
        }
        else if (_isGuess)
        {
            Top = Math.Max(1, Top - 1);
        }
    }

    /// <summary>The first rejection: there is nothing to compare with.</summary>
    public void Begin(double rate, long now)
    {
        (Top, _isGuess) = (rate, true);
        Begin(Phase.Near, now);
    }

    /// <summary>All processes test together, and count what all of them have met.</summary>
    public void Adopt(PermitPace pace, long now)
    {
        bool isAnother = (Phase)pace.TestPhase != _phase || pace.TestTop != Top || pace.TestCalls < _calls;
        (_since, _met, _told) = isAnother ? (now, 0, 0) : (_since, _met, _told);
        (_phase, Top, Low, _shareAtLow, _calls, _rejected, _isGuess) = ((Phase)pace.TestPhase, pace.TestTop, pace.TestLow, pace.TestShare, pace.TestCalls, pace.TestRejected, false);
        (_failed, _notBefore) = (Math.Min(pace.TestFailed, MostFailed), _time.After(now, pace.TestAgain));
    }

    /// <summary>The rejections of this phase that the others do not know.</summary>
    public int Tell() => _told = _met;

    /// <summary>The others know them now.</summary>
    public void Told() => (_met, _told) = (_met - _told, 0);

    /// <summary>The same for the others.</summary>
    public PermitPace Write(PermitPace pace, long now) => pace with
    {
        TestPhase = (int)_phase,
        TestTop = Top,
        TestLow = Low,
        TestShare = _shareAtLow,
        TestFailed = _failed,
        TestAgain = _notBefore <= now ? TimeSpan.Zero : _time.Until(now, _notBefore),
        TestCalls = _calls,
        TestRejected = _rejected,
    };

    /// <summary>Judges a rejection that ended the way back of the rate.</summary>
    /// <param name="now">The present.</param>
    /// <param name="rate">The rate at which the call was rejected.</param>
    /// <param name="plateau">The rate to which this way back led.</param>
    /// <param name="cameBack">Whether the rate had come back to the one that was rejected before.</param>
    /// <returns>What the pace does.</returns>
    public RateVerdict Judge(long now, double rate, double plateau, bool cameBack)
    {
        switch (_phase)
        {
            case Phase.Near or Phase.Lower when cameBack:
                (Top, _isGuess) = (rate, false);
                Begin(Phase.Near, now);
                break;
            case Phase.Near when rate <= LowPart * Top:
                Begin(Phase.Lower, now);
                break;
            case Phase.Lower when (_rejected >= LeastRejected || (_calls >= Calls && _rejected >= LeastOfMany)) && now >= _notBefore:
                (_shareAtLow, Low) = (Share, plateau);
                Begin(Phase.Tried, now);
                return RateVerdict.TryMore;
            case Phase.Tried when _rejected >= LeastRejected && IsMore:
            case Phase.Indifferent when _rejected >= 2 * LeastRejected && IsMore:
                _notBefore = _time.After(now, Timestamps.Min(FirstApart * (1 << _failed), LongestApart));
                _failed = Math.Min(_failed + 1, MostFailed);
                Begin(Phase.Lower, now);
                return RateVerdict.BackToLow;
            case Phase.Tried or Phase.Indifferent when _calls >= Calls && _time.Until(_since, now) >= LongestWindow:
                Begin(Phase.Indifferent, now);
                break;
        }

        return HoldsRate ? RateVerdict.Hold : RateVerdict.Cut;
    }

    private double Share => (double)_rejected / Math.Max(1, _calls);

    /// <summary>A larger share than at the lower rate, beyond what so few calls may differ by.</summary>
    private bool IsMore => Share > (1.25 * _shareAtLow) + 0.08;

    private void Begin(Phase phase, long now) => (_phase, _since, _calls, _rejected, _met, _told) = (phase, now, 0, 0, 0, 0);
}

/// <summary>What a rejection does to the rate.</summary>
internal enum RateVerdict
{
    /// <summary>It is cut.</summary>
    Cut,

    /// <summary>It stays as it is, and may grow.</summary>
    Hold,

    /// <summary>Twice the rate is tried, at most the one before the cuts.</summary>
    TryMore,

    /// <summary>The trial has failed: the lower rate was right.</summary>
    BackToLow,
}
