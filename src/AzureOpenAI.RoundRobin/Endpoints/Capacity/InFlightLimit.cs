namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>
/// Finds out whether a deployment limits the calls in flight, not their rate, and how many it takes: where nearly all calls are rejected that meet more of them than a number, and
/// none that meet fewer. Then they are counted, and not paced.
/// </summary>
/// <remarks>
/// What a burst shows is no evidence: of any limiter the first calls are admitted and the others rejected. So only calls count that went after the last pause was over. A service
/// that states when it has room again counts something else: it does not know when a call will end. A call that has ended at the endpoint is in flight here for a moment longer, so
/// a few are admitted that seem to have met too many. Not safe for concurrent use; the balancer's lock guards it.
/// </remarks>
internal sealed class InFlightLimit(TimeProvider time)
{
    /// <summary>Rejections before it is believed.</summary>
    private const int LeastRejections = 6;

    /// <summary>Calls that were admitted with nearly as many in flight before it is believed; and at a limit, before a rejection within it says that it is wrong.</summary>
    private const int LeastAdmissions = 12;

    /// <summary>What nearly as many are.</summary>
    private const double Near = 0.75;

    /// <summary>It is believed where at most this many calls that met more were admitted for each that was rejected; where a rate is limited it is ten and more.</summary>
    private const int MostAbove = 1;

    /// <summary>So many rejections within the limit revoke it.</summary>
    private const int MostContradictions = 3;

    /// <summary>One more is tried after this time.</summary>
    private static readonly TimeSpan TryAgain = TimeSpan.FromSeconds(3);

    /// <summary>After what was found was wrong, nothing is looked for.</summary>
    private static readonly TimeSpan Apart = TimeSpan.FromMinutes(1);

    private readonly TimeProvider _time = time;
    private int _leastRejected = int.MaxValue;
    private int _rejected;
    private int _admitted;
    private int _above;
    private int _proven;
    private int _contradictions;
    private long _notBefore = long.MinValue;
    private long _tryAt;

    /// <summary>The calls in flight that it takes; 0 where that is not known, or not what it limits.</summary>
    public int Limit { get; private set; }

    public bool IsKnown => Limit > 0;

    /// <summary>Whether to say what each call met.</summary>
    public bool IsWatched(long now) => now >= _notBefore;

    /// <summary>Whether it takes one more call, of a known limit.</summary>
    public bool HasRoom(int inFlight, long now) => inFlight < Limit || (inFlight == Limit && now >= _tryAt);

    /// <summary>A call goes to it, and is one of so many in flight.</summary>
    public void Take(int met, long now)
    {
        if (met > Limit)
        {
            _tryAt = _time.After(now, TryAgain);
        }
    }

    /// <summary>A call was answered that was one of so many in flight when it went.</summary>
    public void Admitted(int met, long now)
    {
        if (IsKnown)
        {
            (Limit, _admitted) = met > Limit ? (Limit + 1, 0) : (Limit, met == Limit ? _admitted + 1 : _admitted);
            (_proven, _contradictions) = _admitted >= LeastAdmissions ? (Limit, 0) : (_proven, _contradictions);
        }
        else if (met < _leastRejected)
        {
            _admitted += met >= (int)(Near * _leastRejected) ? 1 : 0;
        }
        else if (++_above >= LeastAdmissions && _above > MostAbove * _rejected)
        {
            Forget(now);
        }
    }

    /// <summary>A call was rejected that was one of so many in flight when it went, after the last pause.</summary>
    public void Rejected(int met, long now)
    {
        if (IsKnown)
        {
            _tryAt = _time.After(now, TryAgain);
            if (met <= Limit)
            {
                Contradict(met, now);
            }

            return;
        }

        if (met < _leastRejected)
        {
            (_leastRejected, _rejected, _admitted, _above) = (met, 0, 0, 0);
        }

        _rejected++;
        if (_rejected >= LeastRejections && _admitted >= LeastAdmissions && _above <= MostAbove * _rejected)
        {
            Limit = _leastRejected - 1;
            (_proven, _admitted, _contradictions, _tryAt) = (Limit, 0, 0, _time.After(now, TryAgain));
        }
    }

    /// <summary>It is not the calls in flight that are limited, or not any more.</summary>
    public void Forget(long now)
    {
        (Limit, _leastRejected, _rejected, _admitted, _above, _proven, _contradictions) = (0, int.MaxValue, 0, 0, 0, 0, 0);
        _notBefore = _time.After(now, Apart);
    }

    /// <summary>One more than it takes had been admitted by chance, or it takes fewer than before, or it limits something else.</summary>
    private void Contradict(int met, long now)
    {
        (_contradictions, _admitted, Limit) = (met <= _proven ? _contradictions + 1 : _contradictions, 0, Math.Max(1, met - 1));
        if (_contradictions >= MostContradictions)
        {
            Forget(now);
        }
    }
}
