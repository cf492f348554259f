using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>Whether one deployment, or one resource, takes calls, and how that changes.</summary>
/// <remarks>
/// <code>
///            ejected: an outcome, or Retry-After
///   Healthy ─────────────────────────────────────> Unavailable &lt;───────────────┐
///      ^ ^                                            │    │                   │
///      │ └──── Recover: its capacity is known, ───────┘    │ time is up,       │ ejected
///      │       or it has a new key                         │ or a probe is due │
///      │                                                   v                   │
///      │                        Recover: it answered   Probing ────────────────┤
///      │                        after all; or admitted    │                    │
///      │ promoted: 16 calls admitted at once              v                    │
///      └─────────────────────────────────────────────  Recovering ─────────────┘
/// </code>
/// Not safe for concurrent use; the balancer's lock guards it. <see cref="IsClean"/> and <see cref="Epoch"/> are also read without it: a reader that is late by one
/// outcome takes the lock for nothing, or judges one attempt as if it had ended a moment earlier.
/// </remarks>
internal sealed class HealthState(TimeProvider time, Func<double> jitter)
{
    /// <summary>The ramp ends when this many calls may run at once.</summary>
    private const int FullRamp = 16;

    /// <summary>The same request may meet the same failure this often before it is the endpoint's.</summary>
    private const int MostOfSameRequest = 2;

    /// <summary>Consecutive errors, with no answer between, after which the last available endpoint is ejected all the same.</summary>
    private const int MostErrorsInRow = 10;

    private int _placeByReturn = -1;
    private volatile bool _isClean = true;
    private int _errorsInRow, _timeoutsInRow;
    private int _ejections;
    private long _leftAloneUntil = long.MinValue;
    private TimeSpan _unavailableFor;
    private long _ejectedAt;
    private int _allowed, _unadmitted;
    private int _rampStep = 1;
    private (OutcomeKind Kind, int Fingerprint, int Times)? _suspect;

    public EndpointState State { get; private set; }

    /// <summary>Null in no pool.</summary>
    public IHealthListener? Listener { get; set; }

    /// <summary>Where it is among those that are unavailable; less than 0 where it is not.</summary>
    public ref int PlaceByReturn => ref _placeByReturn;

    /// <summary>The number of times that its state has changed; wraps.</summary>
    public uint Version { get; private set; }

    /// <summary>Why it was ejected last.</summary>
    public OutcomeKind Reason { get; private set; }

    /// <summary>Another process said why: no call of this pool has met it.</summary>
    public bool IsHearsay { get; private set; }

    /// <summary>It takes no call before this timestamp, unless every endpoint is unavailable and a probe is due.</summary>
    public long UnavailableUntil { get => Math.Max(field, _leftAloneUntil); private set; } = long.MinValue;

    /// <summary>It takes no call before this timestamp, whatever happens: the endpoint stated it in Retry-After.</summary>
    public long RetryAfterUntil { get; private set; } = long.MinValue;

    /// <summary>The pool's epoch since it was ejected last. Outcomes of attempts from an earlier epoch say nothing new.</summary>
    public int Epoch { get; private set; }

    /// <summary>Consecutive failed probes. They space the probes of an endpoint that is the only one to ask.</summary>
    public int FailedProbes { get; private set; }

    /// <summary>How long the last failure took, where it was no rejection: a probe that has run longer than twice that counts as admitted.</summary>
    public TimeSpan LastFailureTook { get; private set; }

    public long LastFailedAt { get; private set; } = long.MinValue;

    /// <summary>When the attempt began that failed last. Valid once it was ejected.</summary>
    public long LastFailureBeganAt => time.After(LastFailedAt, -LastFailureTook);

    /// <summary>When the last call with a permit began.</summary>
    public long ProbeBeganAt { get; private set; } = long.MinValue;

    /// <summary>Only a completed answer makes it available again: it stalled, timed out, or cut its streams.</summary>
    public bool NeedsCompletion { get; private set; }

    /// <summary>It is healthy, and the last outcome was a success: a further success changes nothing.</summary>
    public bool IsClean => _isClean;

    /// <summary>It takes calls: healthy, or recovering.</summary>
    public bool IsAvailable => State is EndpointState.Healthy or EndpointState.Recovering;

    /// <summary>It refuses its key or lacks its deployment, and calls of this pool have met it: on hearsay no call fails at once.</summary>
    public bool IsMisconfigured => !IsHearsay && IsEjectedAsMisconfigured;

    private bool IsEjectedAsMisconfigured => State >= EndpointState.Probing && Reason is OutcomeKind.CredentialRefused or OutcomeKind.MissingDeployment;

    /// <summary>One more call may run: it is healthy, or has a permit left.</summary>
    public bool CanAcquire => State == EndpointState.Healthy || (State != EndpointState.Unavailable && _unadmitted < _allowed);

    /// <summary>It answers some calls and fails others: fewer than 10 consecutive errors, and no other reason to be ejected.</summary>
    public bool IsIntermittent => _errorsInRow < MostErrorsInRow && (State == EndpointState.Healthy || Reason is OutcomeKind.Failed or OutcomeKind.BrokenAnswer);

    /// <summary>Acquires a permit of an endpoint that is not healthy; one more where all are taken, since a call that hangs must not block all others. The caller decides when that is due.</summary>
    /// <returns>Whether the call holds a permit; none is needed at a healthy endpoint.</returns>
    public bool Acquire(long now)
    {
        if (State == EndpointState.Healthy)
        {
            return false;
        }

        ProbeBeganAt = now;
        _allowed = Math.Max(_allowed, ++_unadmitted);
        return true;
    }

    /// <summary>Returns a permit unused, or after an outcome that says nothing. One from an earlier epoch is void.</summary>
    public void Release(int epoch) => _unadmitted -= epoch >= Epoch ? 1 : 0;

    /// <summary>A call that held a permit was admitted: more may run at once.</summary>
    public void Admit(long now)
    {
        _unadmitted--;
        if (State == EndpointState.Probing)
        {
            _unavailableFor += time.Until(_ejectedAt, now);
            FailedProbes = 0;
            // If a completed answer was needed, this was it. Further calls count without one: otherwise a few long calls would hold up the ramp.
            NeedsCompletion = false;
            LastFailureTook = TimeSpan.Zero;
            Become(EndpointState.Recovering);
        }

        if (State == EndpointState.Recovering && _allowed < int.MaxValue / 8)
        {
            _allowed += _rampStep;
        }
    }

    /// <summary>Ends the ramp, if 16 concurrent calls were admitted.</summary>
    public bool TryPromote()
    {
        if (State != EndpointState.Recovering || _allowed < FullRamp)
        {
            return false;
        }

        Become(EndpointState.Healthy);
        return true;
    }

    /// <summary>Its cooldown is over, or a forced probe is due before.</summary>
    public void BeginProbing()
    {
        _allowed = 1;
        _unadmitted = 0;
        Become(EndpointState.Probing);
    }

    /// <summary>Takes no call for longer: another process probes it, or has failed to. Not while a call of this pool probes it.</summary>
    public bool LeaveAlone(long until)
    {
        if (State < EndpointState.Probing || (State == EndpointState.Probing && !CanAcquire))
        {
            return false;
        }

        _leftAloneUntil = Math.Max(_leftAloneUntil, until);
        Become(EndpointState.Unavailable);
        return true;
    }

    /// <summary>Makes it available without a probe. Outcomes from before the epoch say nothing of a new key.</summary>
    /// <returns>Whether it is available now.</returns>
    public bool Recover(RecoveryReason why, int epoch, long now) => why switch
    {
        RecoveryReason.CapacityKnown => RecoverFully(),
        RecoveryReason.AnsweredAfterAll => RecoverAnswering(now),
        _ => RecoverFromMisconfiguration(epoch, now),
    };

    /// <summary>An answer is complete. One from an earlier epoch clears nothing.</summary>
    public void Succeeded(int epoch)
    {
        if (epoch >= Epoch)
        {
            (_errorsInRow, _timeoutsInRow, _suspect) = (0, 0, null);
            Become(State);
        }
    }

    /// <summary>Notes a failure that is most likely the request's own fault: the endpoint is not ejected before a different request meets the same, with no answer between.</summary>
    /// <returns>Whether a different request met the same before; or, with a refused key or a missing deployment, the same request twice: an app may send nothing else.</returns>
    public bool IsRepeatedSuspect(OutcomeKind kind, int fingerprint)
    {
        (OutcomeKind Kind, int Fingerprint, int Times) before = _suspect is { } noted && noted.Kind == kind ? noted : (kind, fingerprint, 0);
        _suspect = (kind, fingerprint, before.Times + 1);
        Become(State);
        return before.Times > 0 && (before.Fingerprint != fingerprint || (kind is OutcomeKind.CredentialRefused or OutcomeKind.MissingDeployment && before.Times >= MostOfSameRequest));
    }

    /// <summary>Counts an error of an endpoint that stays available, because no other is.</summary>
    public void Endure()
    {
        _errorsInRow++;
        Become(State);
    }

    /// <summary>Takes a failure of the present epoch.</summary>
    /// <returns>Whether it was ejected for it: not for the first error or timeout after a success, unless a probe met it or the endpoint stated a time.</returns>
    public bool TryEject(in AttemptOutcome outcome, TimeSpan cost, bool onProbation, long now, int epoch)
    {
        TimeSpan? stated = outcome.RetryAfter;
        bool isFirst = IsFirstInRow(outcome.Kind);
        if (State == EndpointState.Healthy && isFirst && !onProbation && stated is null)
        {
            Become(State);
            return false;
        }

        Forgive(now, outcome.Kind);
        LastFailureTook = outcome.Kind == OutcomeKind.RateLimited ? TimeSpan.Zero : cost;
        TimeSpan pause = stated
            ?? (outcome.IsForLong ? Cooldown.AfterLongHint : Cooldown.For(outcome.Kind, _ejections, _unavailableFor, cost) * (1 + (0.1 * jitter())));
        _ejections++;
        long until = time.After(now, pause);
        RetryAfterUntil = stated is null ? RetryAfterUntil : Math.Max(RetryAfterUntil, until);
        Eject(outcome.Kind, until, now, epoch);
        return true;
    }

    /// <summary>Ejects it until a known time: that of a pause after a rejection, stated by the endpoint or not, or that which another process tells. No cooldown grows by it.</summary>
    public void EjectUntil(long until, bool isStated, int epoch, long now, OutcomeKind kind = OutcomeKind.RateLimited, bool isHearsay = false)
    {
        RetryAfterUntil = isStated ? Math.Max(RetryAfterUntil, until) : RetryAfterUntil;
        LastFailureTook = TimeSpan.Zero;
        Eject(kind, until, now, epoch);
        IsHearsay = isHearsay;
    }

    /// <summary>Takes a failure of an earlier epoch. Only a stated time counts, which holds whichever attempt brought it.</summary>
    /// <returns>Whether it was ejected anew for it.</returns>
    public bool FailedLate(in AttemptOutcome outcome, long now, int epoch)
    {
        if (outcome.RetryAfter is not { } pause)
        {
            return false;
        }

        RetryAfterUntil = Math.Max(RetryAfterUntil, time.After(now, pause));
        if (State != EndpointState.Unavailable)
        {
            Eject(outcome.Kind, RetryAfterUntil, now, epoch);
            return true;
        }

        UnavailableUntil = Math.Max(UnavailableUntil, RetryAfterUntil);
        Become(State);
        return false;
    }

    private bool RecoverFully()
    {
        // A pause for its limit is no outage, so it makes no later cooldown longer.
        FailedProbes = 0;
        Become(EndpointState.Healthy);
        return true;
    }

    private bool RecoverAnswering(long now)
    {
        if ((Reason != OutcomeKind.Stalled && !IsHearsay) || State < EndpointState.Probing || RetryAfterUntil > now)
        {
            return false;
        }

        BeginProbing();
        NeedsCompletion = false;
        _unadmitted++;
        Admit(now);
        return true;
    }

    private bool RecoverFromMisconfiguration(int epoch, long now)
    {
        if (!IsEjectedAsMisconfigured)
        {
            return false;
        }

        (_ejections, _unavailableFor, FailedProbes, Epoch) = (0, TimeSpan.Zero, 0, epoch);
        if (RetryAfterUntil > now)
        {
            // A stated time holds for every key.
            (Reason, UnavailableUntil) = (OutcomeKind.RateLimited, RetryAfterUntil);
            Become(EndpointState.Unavailable);
            return false;
        }

        UnavailableUntil = long.MinValue;
        Become(EndpointState.Healthy);
        return true;
    }

    private bool IsFirstInRow(OutcomeKind kind) => kind switch
    {
        OutcomeKind.Failed or OutcomeKind.BrokenAnswer => ++_errorsInRow == 1,
        OutcomeKind.TimedOut => ++_timeoutsInRow == 1,
        _ => false,
    };

    private void Forgive(long now, OutcomeKind kind)
    {
        if (State is EndpointState.Unavailable or EndpointState.Probing)
        {
            _unavailableFor += time.Until(_ejectedAt, now);
            FailedProbes++;
        }

        int steps = _ejections == 0 ? 0 : (int)Math.Min(30, time.Until(Math.Max(UnavailableUntil, LastFailedAt), now) / Cooldown.ForgivenAfter);
        _ejections = kind == Reason ? Math.Max(0, _ejections - steps) : 0;
        _unavailableFor /= 1 << steps;
    }

    private void Eject(OutcomeKind kind, long until, long now, int epoch)
    {
        (Reason, IsHearsay, _leftAloneUntil) = (kind, false, long.MinValue);
        UnavailableUntil = Math.Max(UnavailableUntil, until);
        Epoch = epoch;
        LastFailedAt = now;
        FailedProbes = Math.Max(FailedProbes, _errorsInRow - 1);
        NeedsCompletion = kind is OutcomeKind.TimedOut or OutcomeKind.Stalled or OutcomeKind.Cut;
        // Permits added for each admitted call: 1 after a rejection, since there is little room; 7 after an outage, since all of it is free; else 3.
        _rampStep = kind switch { OutcomeKind.RateLimited => 1, OutcomeKind.Unreachable => 7, _ => 3 };
        _ejectedAt = now;
        Become(EndpointState.Unavailable);
    }

    /// <summary>The one place that changes the state.</summary>
    private void Become(EndpointState state)
    {
        Version += state == State ? 0u : 1u;
        _leftAloneUntil = state == EndpointState.Unavailable ? _leftAloneUntil : long.MinValue;
        State = state;
        _isClean = state == EndpointState.Healthy && _errorsInRow == 0 && _timeoutsInRow == 0 && _suspect is null;
        Listener?.Changed(this);
    }
}
