using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>What an outcome does to its endpoint, and what is logged of it. Permits are in <see cref="OutcomeWriterPermitTests"/>, limits in <see cref="OutcomeWriterLimitTests"/>.</summary>
public class OutcomeWriterTests
{
    private const int RateLimited = 1;
    private const int CoolingDown = 2;
    private const int MayExceedLimit = 6;

    private readonly BalancerParts _parts = new(["ab"]);

    private HealthState Deployment => _parts['a'].Health.Deployment;

    private HealthState Resource => _parts['a'].Health.Resource;

    private EndpointCapacity Capacity => _parts['a'].Capacity;

    [Fact]
    public void Eject_Rejection_EjectsTheDeploymentAndLogsIt()
    {
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 3);

        Assert.Equal((EndpointState.Unavailable, EndpointState.Healthy), (Deployment.State, Resource.State));
        Assert.Equal((3, 1, 1, true), (_parts.UnavailableFor('a'), _parts.State.Epoch, Deployment.Epoch, _parts.State.HasChanged));
        Assert.True(_parts['a'].IsLoggedUnavailable);
        Assert.Equal([RateLimited], _parts.LoggedIds());
        Assert.Equal("00:00:03", _parts.Logs.LatestRecord.GetStructuredStateValue("Cooldown"));
    }

    [Fact]
    public void Eject_FirstErrorAfterASuccess_ChangesNothing()
    {
        _parts.Fail('a', OutcomeKind.Failed);

        Assert.Equal((EndpointState.Healthy, 0, false), (Resource.State, _parts.State.Epoch, _parts.State.HasChanged));
        Assert.Empty(_parts.LoggedIds());
        _parts.Fail('a', OutcomeKind.Failed);
        Assert.Equal(EndpointState.Unavailable, Resource.State);
    }

    [Fact]
    public void Eject_FirstErrorOnProbation_Ejects()
    {
        _parts.Fail('a', OutcomeKind.Failed, onProbation: true);

        Assert.Equal(EndpointState.Unavailable, Resource.State);
        Assert.Equal([CoolingDown], _parts.LoggedIds());
    }

    [Fact]
    public void Eject_ErrorOfTheOnlyEndpoint_IsNotEvenCounted()
    {
        BalancerParts parts = new(["a"]);
        for (int i = 0; i < 20; i++)
        {
            parts.Fail('a', OutcomeKind.Failed);
        }

        Assert.Equal((true, true), (parts['a'].Health.IsClean, parts['a'].Health.IsIntermittent));
        Assert.False(parts.State.HasChanged);
    }

    [Fact]
    public void Eject_ErrorOfTheOnlyEndpointThatIsAwaited_EndsInItsEjectionAfterTen()
    {
        BalancerParts parts = new(["a"]);
        parts.Enqueue();
        for (int i = 0; i < 10; i++)
        {
            parts.Fail('a', OutcomeKind.Failed);
            Assert.Equal((true, false), (parts['a'].Health.IsHealthy, parts['a'].Health.IsClean));
        }

        parts.Fail('a', OutcomeKind.Failed);

        Assert.Equal(EndpointState.Unavailable, parts['a'].Health.State);
    }

    [Fact]
    public void Eject_TimeIsStatedForOneOfTwoModels_EjectsThatDeploymentOnly()
    {
        BalancerParts parts = new(["a", "b"], shared: "ab");

        parts.Fail('a', OutcomeKind.RateLimited, hint: 2);

        Assert.Equal((EndpointState.Unavailable, EndpointState.Healthy), (parts['a'].Health.State, parts['b'].Health.State));
    }

    [Fact]
    public void Eject_PauseUnder100Milliseconds_HoldsCallsBackAndEjectsNothing()
    {
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 0.099);
        Assert.Equal((_parts.In(0.099), true, EndpointState.Healthy), (_parts['a'].RoomAt(_parts.Now), _parts.State.HasChanged, Deployment.State));

        _parts.Fail('a', OutcomeKind.RateLimited, hint: 0.02);

        Assert.Equal((_parts.In(0.099), _parts.In(0.099), 0), (_parts['a'].RoomAt(_parts.Now), _parts['a'].RetryAfterUntil, _parts.State.Epoch));
        Assert.Equal(2, _parts.Picker.Rotation.Count);
        Assert.Empty(_parts.LoggedIds());
    }

    [Fact]
    public void Eject_PauseOf100Milliseconds_Ejects()
    {
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 0.1);

        Assert.Equal((EndpointState.Unavailable, OutcomeKind.RateLimited, 1, 1), (Deployment.State, Deployment.Reason, Deployment.Epoch, _parts.State.Epoch));
        Assert.Equal((_parts.In(0.1), _parts.In(0.1), _parts.In(0.1)), (Deployment.UnavailableUntil, Deployment.RetryAfterUntil, Capacity.PausedUntil));
    }

    [Fact]
    public void Eject_ShortPauseWhileCallsAreQueued_IsNoNewsForOperators()
    {
        _parts.Enqueue();

        _parts.Fail('a', OutcomeKind.RateLimited, hint: 0.08);

        Assert.Equal((_parts.In(0.08), EndpointState.Healthy, false), (Capacity.PausedUntil, Deployment.State, _parts['a'].IsLoggedUnavailable));
    }

    [Fact]
    public void Eject_PauseThatNobodyStated_IsNoStatedTime()
    {
        // One call a second, so the pause is a second.
        _parts.Fail('a', OutcomeKind.RateLimited);

        Assert.Equal((EndpointState.Unavailable, OutcomeKind.RateLimited, 1), (Deployment.State, Deployment.Reason, _parts.UnavailableFor('a')));
        Assert.Equal((long.MinValue, _parts.In(1)), (_parts['a'].RetryAfterUntil, Capacity.PausedUntil));
    }

    [Fact]
    public void Eject_RejectionWithinAPauseForSomethingElse_EjectsOnlyIfItIsLonger()
    {
        _parts.Fail('a', OutcomeKind.MissingDeployment);
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 3);
        Assert.Equal((OutcomeKind.MissingDeployment, 10), (Deployment.Reason, _parts.UnavailableFor('a')));
        Assert.Equal(_parts.In(3), _parts['a'].RetryAfterUntil);

        _parts.Fail('a', OutcomeKind.RateLimited, hint: 12);

        Assert.Equal((OutcomeKind.RateLimited, 12), (Deployment.Reason, _parts.UnavailableFor('a')));
    }

    [Fact]
    public void Eject_RetiredEndpoint_IsNotLogged()
    {
        _parts.InFlight.Retire([_parts['a']]);

        _parts.Fail('a', OutcomeKind.Unreachable);

        Assert.Equal((EndpointState.Unavailable, false, 1), (Resource.State, _parts['a'].IsLoggedUnavailable, _parts.State.Epoch));
        Assert.Empty(_parts.LoggedIds());
    }

    [Fact]
    public void Eject_LoggedBefore_StaysSoWhenARejectionOfAMomentFollows()
    {
        _parts.Fail('a', OutcomeKind.Unreachable);
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 0.5);

        Assert.True(_parts['a'].IsLoggedUnavailable);
    }

    [Fact]
    public void Eject_LateRejectionWithoutATime_ClosesNoOtherEpoch()
    {
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 3);
        _parts.State.HasChanged = false;

        _parts.Fail('a', OutcomeKind.RateLimited, epoch: 0);

        Assert.Equal((3, 1, true), (_parts.UnavailableFor('a'), _parts.State.Epoch, _parts.State.HasChanged));
        Assert.Equal([RateLimited], _parts.LoggedIds());
    }

    [Fact]
    public void Eject_LateRejectionWithALongerTime_LengthensTheCooldownAndIsNotLoggedAgain()
    {
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 3);

        _parts.Fail('a', OutcomeKind.RateLimited, hint: 5, epoch: 0);

        Assert.Equal((5, 1), (_parts.UnavailableFor('a'), _parts.State.Epoch));
        Assert.Equal([RateLimited], _parts.LoggedIds());
    }

    [Fact]
    public void Eject_LateStatedTimeAtARecoveredEndpoint_EjectsItAnew()
    {
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 1);
        Deployment.Recover(RecoveryReason.CapacityKnown, _parts.State.Epoch, _parts.Now);

        _parts.Fail('a', OutcomeKind.RateLimited, hint: 5, epoch: 0);

        Assert.Equal((EndpointState.Unavailable, 5, 2, 2), (Deployment.State, _parts.UnavailableFor('a'), Deployment.Epoch, _parts.State.Epoch));
        Assert.Equal([RateLimited, RateLimited], _parts.LoggedIds());
    }

    [Fact]
    public void Eject_SuspectRequest_IsLoggedOnceAMinute()
    {
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 600);
        Assert.Equal((EndpointState.Healthy, false), (Deployment.State, _parts.State.HasChanged));
        Assert.Equal([MayExceedLimit], _parts.LoggedIds());
        Assert.Equal("00:10:00", _parts.Logs.LatestRecord.GetStructuredStateValue("RetryAfter"));

        _parts.Pass(59.9);
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 600);
        Assert.Single(_parts.LoggedIds());

        _parts.Pass(0.1);
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 600);
        Assert.Equal([MayExceedLimit, MayExceedLimit], _parts.LoggedIds());
    }

    [Fact]
    public void Eject_DifferentRequestWithTheSameLongHint_EjectsForAMinuteAndLearnsNoPace()
    {
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 600);
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 600, fingerprint: 2);

        Assert.Equal((EndpointState.Unavailable, 60, false), (Deployment.State, _parts.UnavailableFor('a'), Capacity.HasPace));
        Assert.Equal([MayExceedLimit, RateLimited], _parts.LoggedIds());
    }

    [Fact]
    public void Eject_LateSuspectRequest_IsNotRemembered()
    {
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 1);
        Deployment.Recover(RecoveryReason.CapacityKnown, _parts.State.Epoch, _parts.Now);

        _parts.Fail('a', OutcomeKind.RateLimited, hint: 600, epoch: 0);
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 600, fingerprint: 2);

        Assert.Equal(EndpointState.Healthy, Deployment.State);
        Assert.Equal([RateLimited, MayExceedLimit], _parts.LoggedIds());
    }

    [Fact]
    public void Eject_ResourceIsExhausted_EjectsAllItsDeploymentsForTheStatedTime()
    {
        BalancerParts parts = new(["abc", "d"], shared: "abd");
        int before = parts.State.Epoch;
        parts.Eject('b', OutcomeKind.RateLimited, hint: 1);

        parts.Outcomes.Eject(
            parts['a'], before, BalancerParts.OutcomeOf(OutcomeKind.RateLimited, hint: 4, exhaustsResource: true), TimeSpan.Zero, 1, onProbation: false, parts.Now);

        Assert.Equal((4, 4, 4), (parts.UnavailableFor('a'), parts.UnavailableFor('b'), parts.UnavailableFor('d')));
        Assert.Equal(EndpointState.Healthy, parts['c'].Health.State);
        Assert.Equal(EndpointState.Healthy, parts['a'].Health.Resource.State);
    }

    [Fact]
    public void Eject_ErrorThatSaysTheResourceIsExhausted_IsAnErrorLikeAnyOther()
    {
        BalancerParts parts = new(["abc"], shared: "ab");

        parts.Outcomes.Eject(
            parts['a'], 0, BalancerParts.OutcomeOf(OutcomeKind.MissingDeployment, exhaustsResource: true), TimeSpan.Zero, 1, onProbation: false, parts.Now);

        Assert.Equal((EndpointState.Unavailable, EndpointState.Healthy), (parts['a'].Health.State, parts['b'].Health.State));
    }

    [Fact]
    public void Eject_ResourceIsExhausted_IsLateForTheOneThatWasAskedOnly()
    {
        BalancerParts parts = new(["abc"], shared: "ab");
        int before = parts.State.Epoch;
        parts.Eject('a', OutcomeKind.RateLimited, hint: 1);
        parts['a'].Health.Deployment.Recover(RecoveryReason.CapacityKnown, parts.State.Epoch, parts.Now);

        // It is late for the one that was asked, which has been ejected since; the other has not been asked, so for it nothing can be late.
        parts.Outcomes.Eject(
            parts['a'], before, BalancerParts.OutcomeOf(OutcomeKind.RateLimited, exhaustsResource: true), TimeSpan.Zero, 1, onProbation: true, parts.Now);

        Assert.Equal((EndpointState.Healthy, EndpointState.Unavailable), (parts['a'].Health.State, parts['b'].Health.State));
    }

    [Fact]
    public void EjectStall_Verdict_EjectsAndRemembersTheMiddleCall()
    {
        _parts.Outcomes.Eject(new Stall(_parts['a'], TimeSpan.FromSeconds(4), 77), _parts.Now);

        Assert.Equal((EndpointState.Unavailable, OutcomeKind.Stalled, 16), (Deployment.State, Deployment.Reason, _parts.UnavailableFor('a')));
        Assert.Equal((77u, TimeSpan.FromSeconds(4), "a"), (_parts['a'].StalledAtCall, _parts['a'].LastFailure!.Duration, _parts['a'].LastFailure!.EndpointName));
        Assert.Contains("'a'", Assert.IsType<TimeoutException>(_parts['a'].LastFailure!.Exception).Message, StringComparison.Ordinal);
    }
}
