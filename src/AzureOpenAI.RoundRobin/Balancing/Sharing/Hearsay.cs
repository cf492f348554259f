using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Balancing.Sharing;

/// <summary>
/// Takes the facts of other processes under the balancer's lock. No fact takes out the last available endpoint of a model, or beats what calls of this pool have met.
/// </summary>
internal sealed class Hearsay : IDisposable
{
    /// <summary>The process that found a fault probes first, and tells the others; they probe by themselves this much later.</summary>
    private static readonly TimeSpan HeadStart = TimeSpan.FromSeconds(1);

    /// <summary>What others say leads to no probe of an endpoint that failed here more recently.</summary>
    private static readonly TimeSpan ProbeSpacing = TimeSpan.FromMilliseconds(250);

    private readonly PoolState _state;
    private readonly TimeProvider _time;
    private readonly Instruments _instruments;
    private readonly InFlight _inFlight;
    private readonly SharedFacts _facts;
    private readonly SharedSilence _silence;
    private readonly OutcomeWriter _outcomes;
    private readonly PoolLog _log;
    private readonly Settlement _settlement;
    private readonly DeferredWork _deferred;
    private readonly ProbeSchedule _probes;
    private readonly IDisposable _subscription;

    public Hearsay(
        IPoolBackplane backplane, PoolState state, TimeProvider time, Instruments instruments, InFlight inFlight, SharedFacts facts, SharedSilence silence,
        OutcomeWriter outcomes, PoolLog log, Settlement settlement, DeferredWork deferred, ProbeSchedule probes)
    {
        (_state, _time, _instruments, _inFlight) = (state, time, instruments, inFlight);
        (_facts, _silence, _outcomes, _log, _settlement, _deferred, _probes) = (facts, silence, outcomes, log, settlement, deferred, probes);
        _subscription = backplane.Subscribe(Hear);
    }

    public void Dispose() => _subscription.Dispose();

    private void Hear(PoolFact fact)
    {
        if (_facts.IsOwn(fact))
        {
            return;
        }

        bool isTaken = false;
        if (SharedFacts.IsInRange(fact))
        {
            lock (_state.Lock)
            {
                long now = _time.GetTimestamp();
                if (!_inFlight.IsClosed && Take(fact, now))
                {
                    isTaken = true;
                    _settlement.Settle(now);
                }
            }

            _deferred.Run();
        }

        _instruments.SharedFact(isTaken ? "taken" : "ignored", fact.Kind);
    }

    private bool Take(PoolFact fact, long now) => fact.Kind switch
    {
        PoolFactKind.Ejected => Eject(fact, now),
        PoolFactKind.Recovered => Recover(fact, now),
        PoolFactKind.Probing => LeaveAlone(fact, now),
        PoolFactKind.Paced => AskForPace(fact, now),
        _ => Doubt(fact, now),
    };

    /// <summary>Another process holds an endpoint to be silent, or knows that it is not. Where calls wait there in this pool too, that may be enough to eject it.</summary>
    private bool Doubt(PoolFact fact, long now)
    {
        Endpoint[] concerned = Array.FindAll(_state.Members.Endpoints, endpoint => endpoint.Setup.Ids?.Deployment == fact.Id);
        foreach (Endpoint endpoint in concerned)
        {
            if (_silence.Hear(fact, endpoint, _state.Members, now) is { } stall)
            {
                _outcomes.Eject(stall, now);
            }
        }

        return concerned.Length > 0;
    }

    private bool Eject(PoolFact fact, long now)
    {
        OutcomeKind kind = OutcomeNames.KindOf(fact.Reason);
        Endpoint[] concerned = Array.FindAll(_state.Members.Endpoints, endpoint => endpoint.Setup.Ids?.Of(kind) == fact.Id);
        if (concerned.Length == 0 || !_facts.IsNews(fact, now) || !_state.Members.CanSpare(concerned))
        {
            return false;
        }

        TimeSpan told = Timestamps.Min(fact.For, SharedFacts.Longest);
        TimeSpan pause = kind == OutcomeKind.RateLimited ? told : Timestamps.Min(told + HeadStart, SharedFacts.Longest);
        bool isTaken = false;
        foreach (Endpoint endpoint in concerned)
        {
            isTaken |= Eject(endpoint, kind, _time.After(now, pause), fact.IsStated, now);
        }

        if (isTaken)
        {
            _facts.Took(fact, now);
        }

        return isTaken;
    }

    /// <summary>Another process has met a rejection, and all keep one pace: the next call there asks for it.</summary>
    private bool AskForPace(PoolFact fact, long now)
    {
        Endpoint[] concerned = Array.FindAll(_state.Members.Endpoints, endpoint => endpoint.Setup.Ids?.Pace == fact.Id);
        if (concerned.Length == 0 || !_facts.IsNews(fact, now))
        {
            return false;
        }

        _facts.Took(fact, now);
        foreach (Endpoint endpoint in concerned)
        {
            endpoint.Capacity.HeardOfPace(_outcomes.TakenInASecond(endpoint, now), now);
            _state.Changed(endpoint);
        }

        return true;
    }

    private bool Recover(PoolFact fact, long now)
    {
        HealthState[] concerned = ConcernedBy(fact);
        return concerned.Length > 0 && _facts.IsNews(fact, now) && Array.FindAll(concerned, target => Recover(target, now)).Length > 0;
    }

    /// <summary>Another process probes, and one is enough. Not where a call of this pool does already.</summary>
    private bool LeaveAlone(PoolFact fact, long now)
    {
        HealthState[] concerned = ConcernedBy(fact);
        if (concerned.Length > 0)
        {
            _probes.Heard(now);
        }

        long until = _time.After(now, Timestamps.Min(fact.For, SharedFacts.ProbeRight));
        return concerned.Length > 0 && _facts.IsProbed(fact, now) && Array.FindAll(concerned, target => LeaveAlone(target, until, now)).Length > 0;
    }

    /// <summary>What others say delays the probe of a fault that calls of this pool have met, but for no longer than a fact can hold.</summary>
    private bool LeaveAlone(HealthState target, long until, long now)
    {
        long most = _time.After(target.LastFailedAt, SharedFacts.Longest);
        bool isLeft = target.Reason != OutcomeKind.RateLimited && most > now && target.LeaveAlone(Math.Min(until, most));
        _state.HasChanged |= isLeft;
        return isLeft;
    }

    /// <summary>What the fact of a probe or a recovery is about.</summary>
    private HealthState[] ConcernedBy(PoolFact fact) => [.. _state.Members.Endpoints
        .Where(endpoint => endpoint.Setup.Ids is { } ids && (ids.Deployment == fact.Id || ids.Resource == fact.Id || ids.Key == fact.Id))
        .Select(endpoint => (Ids: endpoint.Setup.Ids!, Target: endpoint.Setup.Ids!.Deployment == fact.Id ? endpoint.Health.Deployment : endpoint.Health.Resource))
        .Where(pair => pair.Ids.Of(pair.Target.Reason) == fact.Id)
        .Select(static pair => pair.Target).Distinct()];

    /// <summary>Ejects what another process has found unavailable, unless this pool knows more. It is no failure here: it is not counted, and not told on.</summary>
    private bool Eject(Endpoint endpoint, OutcomeKind kind, long until, bool isStated, long now)
    {
        HealthState target = endpoint.Health.TargetOf(kind);
        bool isKnown = target.State == EndpointState.Unavailable && until <= target.UnavailableUntil;
        bool isOwn = !target.IsAvailable && !target.IsHearsay && (kind, target.Reason) != (OutcomeKind.RateLimited, OutcomeKind.RateLimited);
        if (isOwn && kind != OutcomeKind.RateLimited && endpoint.Setup.Ids!.Of(kind) == endpoint.Setup.Ids.Of(target.Reason))
        {
            // A probe of another process has met the same.
            return LeaveAlone(target, until, now);
        }

        if (isKnown || isOwn)
        {
            return false;
        }

        if (kind == OutcomeKind.RateLimited)
        {
            // It was not asked, so its pace learns nothing.
            endpoint.Capacity.PauseUntil(until, isStated);
        }

        target.EjectUntil(until, isStated, _state.NextEpoch(), now, kind, isHearsay: true);
        _state.HasChanged = true;
        endpoint.IsLoggedUnavailable |= _log.EjectedByHearsay(endpoint.Name, kind, _time.Until(now, until));
        return true;
    }

    /// <summary>Another process was answered: what was only heard is over, and what calls of this pool have met is probed.</summary>
    private bool Recover(HealthState target, long now)
    {
        if (target.State != EndpointState.Unavailable || target.Reason == OutcomeKind.RateLimited || target.RetryAfterUntil > now)
        {
            return false;
        }

        if (target.IsHearsay)
        {
            target.Recover(RecoveryReason.AnsweredAfterAll, _state.Epoch, now);
        }
        else if (_time.Until(target.LastFailedAt, now) >= ProbeSpacing)
        {
            target.BeginProbing();
        }
        else
        {
            return false;
        }

        _state.HasChanged = true;
        return true;
    }
}
