using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>
/// The condition of one deployment or of one resource, and how it moves: fit, out, probing, returning, fit.
/// </summary>
/// <remarks>
/// Written under the dispatcher's lock only. <see cref="IsClean"/> and <see cref="StruckAt"/> are also read without it: a reader that is late by one
/// outcome takes the lock for nothing, or judges one attempt as if it had ended a moment earlier.
/// </remarks>
internal sealed class Health(TimeProvider time, Func<double> jitter)
{
    /// <summary>So many admitted at once end the gradual return.</summary>
    private const int FullyOpen = 16;

    /// <summary>So many errors in a row are no bad luck any more: there is no answer among them.</summary>
    private const int LongestBadLuck = 10;

    private readonly TimeProvider _time = time;
    private readonly Func<double> _jitter = jitter;
    private volatile bool _clean = true;
    private int _faultsInRow;
    private int _slowInRow;
    private int _strikes;
    private TimeSpan _outFor;
    private long _wentOutAt;
    private int _allowance;
    private int _unadmitted;
    private int _growth = 1;
    private int? _suspect;

    public Condition Condition { get; private set; }

    /// <summary>Why it went out last.</summary>
    public OutcomeKind Reason { get; private set; }

    /// <summary>Not before this, unless everything is out and a probe is due.</summary>
    public long OutUntil { get; private set; } = long.MinValue;

    /// <summary>Not before this, whatever happens: the endpoint said so.</summary>
    public long StatedUntil { get; private set; } = long.MinValue;

    /// <summary>The dispatcher's generation after it last went out; what was picked before says nothing new.</summary>
    public int StruckAt { get; private set; }

    /// <summary>How many forced probes in a row it failed; spaces them where there is only one endpoint to ask.</summary>
    public int FailedProbes { get; private set; }

    /// <summary>How long it took to fail, where that was not a rejection: so long it may take again before one knows.</summary>
    public TimeSpan LastFaultTook { get; private set; }

    public long LastFailedAt { get; private set; } = long.MinValue;

    /// <summary>When the attempt began that failed last. Valid once it has been out.</summary>
    public long LastFaultBeganAt => _time.After(LastFailedAt, -LastFaultTook);

    /// <summary>When the last call began that is to tell whether it is back.</summary>
    public long ProbeBeganAt { get; private set; } = long.MinValue;

    /// <summary>Only a completed answer proves that it is well again: it hung, or cut its streams.</summary>
    public bool NeedsCompletion { get; private set; }

    /// <summary>Nothing to take back: fit, and the last outcome was a success.</summary>
    public bool IsClean => _clean;

    public bool IsOpen => Condition is Condition.Fit or Condition.Returning;

    public bool IsMisconfigured => Condition >= Condition.Probing && Reason is OutcomeKind.Credential or OutcomeKind.Missing;

    public bool HasPermit => Condition == Condition.Fit || (Condition != Condition.Out && _unadmitted < _allowance);

    /// <summary>It answers some calls and fails others, so it is out, if it is, because others do better.</summary>
    public bool IsPartlyWell => _faultsInRow < LongestBadLuck && (Condition == Condition.Fit || Reason is OutcomeKind.Fault or OutcomeKind.Broken);

    /// <summary>
    /// Takes one of the calls that a half-open target allows. Where all are taken it is allowed one more: whoever waits there for ever must not take the
    /// place of others for ever.
    /// </summary>
    /// <returns>Whether it is half-open, so that the call holds a permit.</returns>
    public bool TakePermit(long now)
    {
        if (Condition == Condition.Fit)
        {
            return false;
        }

        ProbeBeganAt = now;
        _allowance = Math.Max(_allowance, ++_unadmitted);
        return true;
    }

    /// <summary>Gives it back unused, or after an outcome that says nothing.</summary>
    public void ReturnPermit() => _unadmitted--;

    /// <summary>A call that held a permit was admitted: opens further.</summary>
    public void Admit(long now)
    {
        _unadmitted--;
        if (Condition == Condition.Probing)
        {
            Condition = Condition.Returning;
            _outFor += _time.Until(_wentOutAt, now);
            FailedProbes = 0;
            // That was the whole answer, if one was needed. The next need not be, or its long calls would hold up everybody.
            NeedsCompletion = false;
            LastFaultTook = TimeSpan.Zero;
        }

        if (Condition == Condition.Returning && _allowance < int.MaxValue / 8)
        {
            _allowance += _growth;
        }
    }

    /// <summary>Lets the target off the leash once it has shown that it takes everything, and nobody waits who would rush at it.</summary>
    public bool TryBecomeFit()
    {
        if (Condition != Condition.Returning || _allowance < FullyOpen)
        {
            return false;
        }

        Condition = Condition.Fit;
        _clean = _faultsInRow == 0 && _slowInRow == 0 && _suspect is null;
        return true;
    }

    /// <summary>Its time has come, or everything is out and it is its turn to be probed.</summary>
    public void BeginProbing()
    {
        Condition = Condition.Probing;
        _allowance = 1;
        _unadmitted = 0;
    }

    /// <summary>It is known what it takes, so it needs no leash: the time that it named is over, or it admitted a probe.</summary>
    public void Reopen(long now)
    {
        _outFor += _time.Until(_wentOutAt, now);
        FailedProbes = 0;
        Condition = Condition.Fit;
        _clean = _faultsInRow == 0 && _slowInRow == 0 && _suspect is null;
    }

    /// <summary>An endpoint that was taken for silent gives a sign of life: it was late, and nothing worse.</summary>
    public void Revive(long now)
    {
        if (Reason == OutcomeKind.Silent && Condition >= Condition.Probing && StatedUntil <= now)
        {
            BeginProbing();
            NeedsCompletion = false;
            _unadmitted++;
            Admit(now);
        }
    }

    /// <summary>It refused a key, or has not the deployment that it was asked for in that way; now it is asked in another.</summary>
    /// <param name="generation">What was picked before says nothing of that.</param>
    /// <param name="now">The present.</param>
    /// <returns>Whether it was out for it, and for nothing else.</returns>
    public bool TryMend(int generation, long now)
    {
        if (!IsMisconfigured)
        {
            return false;
        }

        (_strikes, _outFor, FailedProbes) = (0, TimeSpan.Zero, 0);
        if (StatedUntil > now)
        {
            // It has named a time besides, and that holds whoever asks.
            (Reason, Condition, OutUntil, StruckAt) = (OutcomeKind.RateLimited, Condition.Out, StatedUntil, generation);
            return false;
        }

        OutUntil = long.MinValue;
        StruckAt = generation;
        Condition = Condition.Fit;
        _clean = _faultsInRow == 0 && _slowInRow == 0 && _suspect is null;
        return true;
    }

    public void Succeeded()
    {
        _faultsInRow = 0;
        _slowInRow = 0;
        _suspect = null;
        _clean = Condition == Condition.Fit;
    }

    /// <summary>
    /// Remembers a request that was told to wait for hours. Most likely it alone exceeds the limit, so the target is innocent until a
    /// different request is told the same.
    /// </summary>
    /// <returns><see langword="true"/> if the target is to blame after all.</returns>
    public bool Suspects(int fingerprint)
    {
        bool again = _suspect is { } other && other != fingerprint;
        _suspect = fingerprint;
        _clean = false;
        return again;
    }

    /// <summary>Takes an error of a target that stays in all the same, because nobody could stand in for it.</summary>
    public void Endured()
    {
        _faultsInRow++;
        _clean = false;
    }

    /// <summary>Takes a failure that was picked after the last one struck.</summary>
    /// <returns><see langword="true"/> if the target went out for it.</returns>
    public bool Failed(in AttemptOutcome outcome, TimeSpan cost, bool onProbation, long now, int generation)
    {
        // The endpoint's own word needs no second failure to be believed.
        TimeSpan? stated = outcome.StatedPause;
        bool isFirst = IsFirstOfItsKind(outcome.Kind);
        if (Condition == Condition.Fit && isFirst && !onProbation && stated is null)
        {
            _clean = false;
            return false;
        }

        Forgive(now, outcome.Kind);
        LastFaultTook = outcome.Kind == OutcomeKind.RateLimited ? TimeSpan.Zero : cost;
        TimeSpan pause = stated
            ?? (outcome.IsSuspectRequest ? Cooldown.AfterLongHint : Cooldown.For(outcome.Kind, _strikes, _outFor, cost) * (1 + (0.1 * _jitter())));
        _strikes++;
        long until = _time.After(now, pause);
        StatedUntil = stated is null ? StatedUntil : Math.Max(StatedUntil, until);
        GoOut(outcome.Kind, until, now, generation);
        return true;
    }

    /// <summary>Turns a pause that was too short for the rotation into a cooldown, since calls now wait for its end.</summary>
    public void Rest(long until, int generation, long now)
    {
        StatedUntil = Math.Max(StatedUntil, until);
        GoOut(OutcomeKind.RateLimited, until, now, generation);
    }

    /// <summary>A failure from before it went out adds no strike; but a time that the endpoint states holds whoever hears it.</summary>
    /// <returns><see langword="true"/> if the target went out again for it.</returns>
    public bool FailedLate(in AttemptOutcome outcome, long now, int generation)
    {
        if (outcome.StatedPause is not { } pause)
        {
            return false;
        }

        StatedUntil = Math.Max(StatedUntil, _time.After(now, pause));
        if (Condition != Condition.Out)
        {
            GoOut(outcome.Kind, StatedUntil, now, generation);
            return true;
        }

        OutUntil = Math.Max(OutUntil, StatedUntil);
        return false;
    }

    private bool IsFirstOfItsKind(OutcomeKind kind) => kind switch
    {
        OutcomeKind.Fault or OutcomeKind.Broken => ++_faultsInRow == 1,
        OutcomeKind.Slow => ++_slowInRow == 1,
        _ => false,
    };

    private void Forgive(long now, OutcomeKind kind)
    {
        if (Condition is Condition.Out or Condition.Probing)
        {
            _outFor += _time.Until(_wentOutAt, now);
            FailedProbes++;
        }

        int steps = _strikes == 0 ? 0 : (int)Math.Min(30, _time.Until(Math.Max(OutUntil, LastFailedAt), now) / Cooldown.ForgivenAfter);
        _strikes = kind == Reason ? Math.Max(0, _strikes - steps) : 0;
        _outFor /= 1 << steps;
    }

    private void GoOut(OutcomeKind kind, long until, long now, int generation)
    {
        Reason = kind;
        Condition = Condition.Out;
        OutUntil = Math.Max(OutUntil, until);
        StruckAt = generation;
        LastFailedAt = now;
        FailedProbes = Math.Max(FailedProbes, _faultsInRow - 1);
        NeedsCompletion = kind is OutcomeKind.Slow or OutcomeKind.Silent or OutcomeKind.Cut;
        // Room is scarce where calls were rejected; where nobody was there, all of it is free.
        _growth = kind switch { OutcomeKind.RateLimited => 1, OutcomeKind.Unreachable => 7, _ => 3 };
        _wentOutAt = now;
        _clean = false;
    }
}
