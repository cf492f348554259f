using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Balancing.Sharing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>Counts the outcome of each attempt, and takes the balancer's lock where the outcome changes an endpoint's state.</summary>
/// <remarks>Safe for concurrent use. A completed answer of a healthy endpoint takes no lock.</remarks>
internal sealed class AttemptTracker
{
    /// <summary>A call that is too old is judged again after this time: another endpoint may have answered a younger one meanwhile.</summary>
    private static readonly TimeSpan AgainAfter = TimeSpan.FromMilliseconds(500);

    private readonly Lock _lock;
    private readonly PoolState _state;
    private readonly TimeProvider _time;
    private readonly Instruments _instruments;
    private readonly InFlight _inFlight;
    private readonly OutcomeWriter _outcomes;
    private readonly StallDetector _stalls;
    private readonly AgedCalls _aged;
    private readonly SharedSilence? _silence;
    private readonly Settlement _settlement;
    private readonly DeferredWork _deferred;

    public AttemptTracker(
        PoolState state, TimeProvider time, Instruments instruments, InFlight inFlight, OutcomeWriter outcomes, AgedCalls aged, Settlement settlement,
        DeferredWork deferred, SharedSilence? silence = null)
    {
        (_lock, _state, _time, _instruments, _inFlight) = (state.Lock, state, time, instruments, inFlight);
        (_outcomes, _aged, _settlement, _deferred, _silence) = (outcomes, aged, settlement, deferred, silence);
        _stalls = new StallDetector(inFlight, time);
        inFlight.Ages.JudgeBy(Judge, tellsDoubts: silence is not null);
    }

    /// <inheritdoc cref="Attempt.Count"/>
    public void Count(Attempt attempt) => attempt.Count(_state.CallsBegun());

    /// <summary>The call is answered; for a stream, its first content has come.</summary>
    public void Timed(Attempt attempt)
    {
        attempt.IsAnswered = true;
        if (attempt.StartedAt != 0)
        {
            long now = _time.GetTimestamp();
            NoteAnswer(attempt, attempt.Took(now), now);
        }
    }

    /// <summary>The endpoint admitted the call, though it has not answered it yet.</summary>
    /// <param name="attempt">The attempt that runs.</param>
    /// <param name="withContent">Whether it has content. At an endpoint that was ejected for errors, a stream that opens without content proves nothing.</param>
    public void Admitted(Attempt attempt, bool withContent = true)
    {
        attempt.IsHeard = true;
        Endpoint endpoint = attempt.Endpoint;
        if (endpoint.IsClean && (!attempt.HoldsPermit || attempt.IsAdmitted))
        {
            return;
        }

        lock (_lock)
        {
            long now = _time.GetTimestamp();
            _state.ApplyHints(endpoint, now);
            if (withContent || !endpoint.Health.IsEjectedForErrors)
            {
                _outcomes.Admit(attempt, now, completed: false);
            }

            _outcomes.RecoverFromStall(attempt, NumberOf(attempt), now);
            _outcomes.RefuteHearsay(attempt.Endpoint, now);
            _settlement.Settle(now);
        }

        _deferred.Run();
    }

    /// <summary>The endpoint answered, in full.</summary>
    /// <param name="attempt">The attempt that ended.</param>
    /// <param name="streamed">Whether it is a stream, whose time to first content is noted already.</param>
    public void Succeeded(Attempt attempt, bool streamed = false)
    {
        bool plain = attempt.IsPlain;
        if (!plain && attempt.StartedAt != 0)
        {
            long now = _time.GetTimestamp();
            TimeSpan took = attempt.Took(now);
            attempt.Endpoint.ResponseTimes.Add(took, attempt.Usage.Length);
            if (!streamed)
            {
                NoteAnswer(attempt, took, now);
            }
        }

        if ((!plain && attempt.HoldsPermit) || !attempt.Endpoint.IsClean)
        {
            ClearFailures(attempt);
        }

        End(attempt, answered: true);
    }

    /// <summary>The caller gave up, or the request itself was at fault: no endpoint is ejected for it.</summary>
    /// <param name="attempt">The attempt that ended.</param>
    /// <param name="answered">Whether the endpoint sent anything, which proves that it can be reached.</param>
    /// <param name="served">Whether the caller got a part of an answer, which counts as an answer.</param>
    public void Abandoned(Attempt attempt, bool answered, bool served = false)
    {
        if (served && attempt.StartedAt != 0)
        {
            attempt.Endpoint.ResponseTimes.Unfinished();
        }

        if (answered)
        {
            attempt.Endpoint.NoteRefusedRequest();
            attempt.Endpoint.ResponseTimes.Progressed(NumberOf(attempt));
            if (attempt.HoldsPermit || !attempt.Endpoint.IsClean)
            {
                ClearFailures(attempt);
            }
        }
        else if (attempt.HoldsPermit)
        {
            lock (_lock)
            {
                _outcomes.ReleasePermit(attempt);
                _settlement.Settle(_time.GetTimestamp());
            }

            _deferred.Run();
        }

        End(attempt, answered: served);
    }

    /// <summary>The attempt failed, and the failure counts against its endpoint.</summary>
    /// <param name="attempt">The attempt that ended.</param>
    /// <param name="outcome">How it ended.</param>
    /// <param name="failure">The same for the caller.</param>
    /// <param name="fingerprint">A hash of the request, where it may exceed the deployment's whole limit; else 0.</param>
    /// <param name="eject">False to count the failure only; <see cref="Eject(Endpoint, int, in AttemptOutcome, TimeSpan)"/> follows if it turns out to be the endpoint's.</param>
    public void Failed(Attempt attempt, in AttemptOutcome outcome, EndpointAttempt failure, int fingerprint, bool eject)
    {
        Endpoint endpoint = attempt.Endpoint;
        if (outcome.Kind is not (OutcomeKind.TimedOut or OutcomeKind.Stalled))
        {
            endpoint.ResponseTimes.Progressed(NumberOf(attempt));
        }

        lock (_lock)
        {
            long now = _time.GetTimestamp();
            endpoint.CountFailure(outcome.Kind, failure.Duration);
            endpoint.LastFailure = failure;
            endpoint.Capacity.RejectedAt(outcome.MayBeOfCallsInFlight ? attempt.Met : 0, attempt.StartedAt, outcome.RetryAfter, now);
            if (outcome.Status > 0 && attempt.Permit.OfResource && endpoint.Health.TargetOf(outcome.Kind) == endpoint.Health.Deployment)
            {
                // The deployment answered with a status, so its resource can be reached.
                _outcomes.AdmitAtResource(attempt, now);
            }

            bool onProbation = attempt.HoldsPermit;
            _outcomes.ReleasePermit(attempt);
            if (eject)
            {
                _outcomes.Eject(endpoint, attempt.Epoch, outcome, failure.Duration, fingerprint, onProbation, now);
            }

            _settlement.Settle(now);
        }

        End(attempt, answered: false);
        _deferred.Run();
    }

    /// <summary>Ejects an endpoint for a failure that <see cref="Failed"/> only counted.</summary>
    public void Eject(Endpoint endpoint, int epoch, in AttemptOutcome outcome, TimeSpan cost)
    {
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            _outcomes.Eject(endpoint, epoch, outcome, cost, fingerprint: 0, onProbation: false, now);
            _settlement.Settle(now);
        }

        _deferred.Run();
    }

    /// <summary>Holds an earlier failure against its endpoint if it repeats there; see <see cref="OutcomeWriter.Suspect"/>.</summary>
    public void Suspect(Endpoint endpoint, int epoch, in AttemptOutcome outcome, TimeSpan cost, int fingerprint)
    {
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            _outcomes.Suspect(endpoint, epoch, outcome, cost, fingerprint, now);
            _settlement.Settle(now);
        }

        _deferred.Run();
    }

    /// <inheritdoc cref="PoolMembers.HasAnswered"/>
    public bool HasAnswered(Endpoint endpoint, OutcomeKind kind) => _state.Members.HasAnswered(endpoint, kind);

    /// <summary>Endpoints have joined: what they answered before does not count. Under the lock.</summary>
    public void BeginWatching(IEnumerable<Endpoint> endpoints)
    {
        _state.AssertLocked();
        uint latest = _state.CallsBegun();
        foreach (Endpoint endpoint in endpoints)
        {
            endpoint.ResponseTimes.CountSynchronous(0, latest);
        }
    }

    /// <summary>An attempt that completed synchronously has no number: it counts as the latest call.</summary>
    private uint NumberOf(Attempt attempt) => attempt.IsCounted ? attempt.Number : _state.CallsBegun();

    private void NoteAnswer(Attempt attempt, TimeSpan took, long now)
    {
        _inFlight.Ages.Add(took, now);
        attempt.Endpoint.ResponseTimes.Answered(attempt.Number, took, attempt.StartedAt);
    }

    /// <summary>Judges a call that has waited longer than any recent answer can explain, or for so long that other processes are told.</summary>
    /// <returns>The time until it is judged again.</returns>
    private TimeSpan Judge(Attempt aged)
    {
        TimeSpan again = AgainAfter;
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            if (_aged.TryClaim(aged, _state.Members, now, out Stall? stall))
            {
                _deferred.Cancel(aged);
            }
            else if (_silence is not null && aged.Endpoint is { } endpoint)
            {
                stall = _silence.Look(endpoint, _state.Members, now);
                again = _inFlight.Ages.NextLook(aged.StartedAt, now);
            }

            if (stall is { } found)
            {
                _outcomes.Eject(found, now);
                _settlement.Settle(now);
            }
        }

        _deferred.Run();
        return again;
    }

    private void ClearFailures(Attempt attempt)
    {
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            _outcomes.ClearFailures(attempt, NumberOf(attempt), now);
            _settlement.Settle(now);
        }

        _deferred.Run();
    }

    private void End(Attempt attempt, bool answered)
    {
        Endpoint endpoint = attempt.Endpoint;
        (bool counted, AttemptTrace? trace, int met) = (false, null, 0);
        if (!attempt.IsPlain)
        {
            met = attempt.Met;
            (counted, trace) = (attempt.IsCounted, attempt.Trace);
            if (attempt.HasUsage)
            {
                endpoint.CountUsage(attempt.Usage);
                _instruments.Used(endpoint.Name, attempt.Usage);
            }
        }

        // Before the reset, for two reasons: an interlocked operation after it would wait for its writes to drain, and the attempt's separate count is this call's
        // only until the reset.
        long answers = endpoint.Ended(attempt, answered, counted);
        _inFlight.End(attempt);
        if (met > 0)
        {
            lock (_lock)
            {
                _outcomes.NoteInFlight(endpoint, met, answered, _time.GetTimestamp());
                _settlement.Settle(_time.GetTimestamp());
            }

            _deferred.Run();
        }

        PoolMembers members = _state.Members;
        if (answered)
        {
            bool compare = (answers & (counted ? members.CompareEvery : members.CompareSynchronousEvery)) == 0;
            if (compare || (_inFlight.MayHaveStall && (answers & members.ObserveEvery) == 0 && _stalls.HasSuspect(members)))
            {
                Observe(compare);
            }
        }

        trace?.End();

        if (endpoint.IsClosed)
        {
            _inFlight.LookForLeavers(endpoint);
        }
    }

    /// <summary>Looks for endpoints that have stalled or are lagging, compared with those that answer the same model.</summary>
    private void Observe(bool compare)
    {
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            uint latest = _state.CallsBegun();
            foreach (Endpoint endpoint in _state.Members.Endpoints)
            {
                endpoint.ResponseTimes.CountSynchronous(endpoint.Answered, latest);
                endpoint.Capacity.Note(endpoint.Answered, now);
            }

            foreach (Picker picker in _state.Members.Pickers)
            {
                foreach (Stall stall in _stalls.Look(picker, latest, now))
                {
                    _outcomes.Eject(stall, now);
                }

                if (compare && picker.FindLagging())
                {
                    _state.HasChanged = true;
                    _state.Unsettled.Changed(picker);
                }
            }

            _settlement.Settle(now);
        }

        _deferred.Run();
    }
}
