using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints;

/// <summary>A deployment's health and its resource's, taken as one.</summary>
public class EndpointHealthTests : EndpointHealthFixture
{
    [Theory]
    [InlineData("Healthy", "Healthy", "Healthy")]
    [InlineData("Unavailable", "Healthy", "Unavailable")]
    [InlineData("Healthy", "Unavailable", "Unavailable")]
    [InlineData("Unavailable", "Probing", "Unavailable")]
    [InlineData("Probing", "Unavailable", "Unavailable")]
    [InlineData("Recovering", "Healthy", "Recovering")]
    [InlineData("Healthy", "Recovering", "Recovering")]
    [InlineData("Recovering", "Probing", "Probing")]
    [InlineData("Probing", "Recovering", "Probing")]
    [InlineData("Recovering", "Recovering", "Recovering")]
    public void State_TwoParts_IsTheWorse(string deployment, string resource, string expected)
    {
        Bring(_deployment, deployment, OutcomeKind.RateLimited);
        Bring(_resource, resource, OutcomeKind.Unreachable);

        EndpointState state = Enum.Parse<EndpointState>(expected);
        Assert.Equal(state, _health.State);
        Assert.Equal(state == EndpointState.Healthy, _health.IsHealthy);
        Assert.Equal(state == EndpointState.Healthy, _health.IsClean);
        Assert.Equal(state <= EndpointState.Recovering, _health.IsAvailable);
        Assert.Equal(state != EndpointState.Unavailable, _health.CanAcquire);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void IsClean_AnErrorOfEitherPart_IsFalseUntilTheNextAnswer(bool atDeployment)
    {
        OutcomeKind kind = atDeployment ? OutcomeKind.TimedOut : OutcomeKind.Failed;
        Assert.False(Eject(_health.TargetOf(kind), kind, onProbation: false));
        Assert.Equal((true, false), (_health.IsHealthy, _health.IsClean));

        _health.Succeeded(_epoch);

        Assert.True(_health.IsClean);
    }

    [Theory]
    [InlineData("RateLimited", true)]
    [InlineData("MissingDeployment", true)]
    [InlineData("Cut", true)]
    [InlineData("TimedOut", true)]
    [InlineData("Stalled", true)]
    [InlineData("CredentialRefused", false)]
    [InlineData("Unreachable", false)]
    [InlineData("Failed", false)]
    [InlineData("BrokenAnswer", false)]
    public void TargetOf_Outcome_IsWhatFailsWithIt(string kind, bool isDeployment) =>
        Assert.Same(isDeployment ? _deployment : _resource, _health.TargetOf(Enum.Parse<OutcomeKind>(kind)));

    [Theory]
    [InlineData("MissingDeployment")]
    [InlineData("CredentialRefused")]
    public void IsMisconfigured_EitherPart_IsTrue(string reason)
    {
        OutcomeKind kind = Enum.Parse<OutcomeKind>(reason);
        Assert.False(_health.IsMisconfigured);

        Eject(_health.TargetOf(kind), kind);

        Assert.True(_health.IsMisconfigured);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void IsBeingProbed_PermitTaken_IsTrueWhileNoneIsLeft(bool atDeployment)
    {
        HealthState part = atDeployment ? _deployment : _resource;
        Bring(part, "Probing", OutcomeKind.RateLimited);
        Assert.False(_health.IsBeingProbed);

        part.Acquire(Now);

        Assert.True(_health.IsBeingProbed);
    }

    [Fact]
    public void IsBeingProbed_RecoveringOrUnavailable_IsFalse()
    {
        Bring(_deployment, "Recovering", OutcomeKind.RateLimited);
        while (_health.CanAcquire)
        {
            _health.Acquire(Now);
        }

        Assert.False(_health.IsBeingProbed);
        Bring(_deployment, "Unavailable", OutcomeKind.RateLimited);
        Assert.Equal((false, false), (_health.CanAcquire, _health.IsBeingProbed));
    }

    [Theory]
    [InlineData("TimedOut", true, "Probing", true)]
    [InlineData("RateLimited", true, "Probing", false)]
    [InlineData("Unreachable", false, "Probing", true)]
    [InlineData("RateLimited", false, "Probing", false)]
    [InlineData("TimedOut", true, "Recovering", false)]
    [InlineData("Unreachable", false, "Unavailable", false)]
    public void IsProbedForFault_StateAndReason_IsTrueForAProbeThatIsNotOfARejection(string reason, bool atDeployment, string state, bool expected)
    {
        Bring(atDeployment ? _deployment : _resource, state, Enum.Parse<OutcomeKind>(reason));

        Assert.Equal(expected, _health.IsProbedForFault);
    }

    [Theory]
    [InlineData("Healthy", "Failed", "Unavailable", true)]
    [InlineData("Healthy", "Unreachable", "Unavailable", false)]
    [InlineData("Healthy", "Failed", "Healthy", true)]
    [InlineData("Recovering", "Failed", "Unavailable", false)]
    public void IsIntermittent_DeploymentHealthyAndResourceFailsSomeCalls_IsTrue(string deployment, string reason, string resource, bool expected)
    {
        Bring(_deployment, deployment, OutcomeKind.RateLimited);
        Bring(_resource, resource, Enum.Parse<OutcomeKind>(reason));

        Assert.Equal(expected, _health.IsIntermittent);
    }

    [Theory]
    [InlineData("Failed", "Unavailable", true)]
    [InlineData("BrokenAnswer", "Probing", true)]
    [InlineData("Failed", "Recovering", true)]
    [InlineData("Unreachable", "Unavailable", false)]
    [InlineData("Failed", "Promoted", false)]
    public void IsEjectedForErrors_ResourceAndReason_IsTrueUntilItIsHealthy(string reason, string state, bool expected)
    {
        Assert.False(_health.IsEjectedForErrors);
        Bring(_resource, state, Enum.Parse<OutcomeKind>(reason));

        Assert.Equal(expected, _health.IsEjectedForErrors);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void NeedsCompletion_EitherPart_IsTrue(bool atDeployment)
    {
        Assert.False(_health.NeedsCompletion);

        Eject(atDeployment ? _deployment : _resource, OutcomeKind.TimedOut);

        Assert.True(_health.NeedsCompletion);
    }

    [Fact]
    public void UnavailableUntil_PartThatIsNotUnavailable_DoesNotCount()
    {
        Assert.Equal(long.MinValue, _health.UnavailableUntil);
        Eject(_deployment, OutcomeKind.RateLimited, hint: 30);
        Eject(_resource, OutcomeKind.RateLimited, hint: 20);
        Assert.Equal(30, In(_health.UnavailableUntil));

        _deployment.BeginProbing();
        Assert.Equal(20, In(_health.UnavailableUntil));
        _resource.BeginProbing();
        Assert.Equal(long.MinValue, _health.UnavailableUntil);

        Eject(_resource, OutcomeKind.RateLimited, hint: 40);
        Eject(_deployment, OutcomeKind.RateLimited, hint: 35);
        Assert.Equal(40, In(_health.UnavailableUntil));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Times_TwoParts_AreTheLater(bool deploymentIsLater)
    {
        (HealthState earlier, HealthState later) = deploymentIsLater ? (_resource, _deployment) : (_deployment, _resource);
        Eject(earlier, OutcomeKind.TimedOut, hint: 3, cost: 5);
        earlier.BeginProbing();
        earlier.Acquire(Now);
        _time.Advance(TimeSpan.FromSeconds(1));
        long at = Now;
        Eject(later, OutcomeKind.TimedOut, hint: 4, cost: 2);
        later.BeginProbing();
        later.Acquire(Now);

        Assert.Equal(4, In(_health.RetryAfterUntil));
        Assert.Equal(at, _health.LastFailedAt);
        Assert.Equal(-2, _time.GetElapsedTime(at, _health.LastFailureBeganAt).TotalSeconds);
        Assert.Equal(TimeSpan.FromSeconds(5), _health.LastFailureTook);
        Assert.Equal(at, _health.ProbeBeganAt);
    }

    [Fact]
    public void LastFailureBeganAt_BothAtOneMoment_IsTheDeployments()
    {
        Eject(_resource, OutcomeKind.TimedOut, cost: 5);
        Eject(_deployment, OutcomeKind.TimedOut, cost: 2);

        Assert.Equal(-2, In(_health.LastFailureBeganAt));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void FailedProbes_TwoParts_IsTheMore(bool atDeployment)
    {
        HealthState part = atDeployment ? _deployment : _resource;
        Eject(part, OutcomeKind.RateLimited);
        Eject(part, OutcomeKind.RateLimited);

        Assert.Equal(1, _health.FailedProbes);
    }

    [Theory]
    [InlineData("Unavailable", "Unavailable", "Unreachable")]
    [InlineData("Unavailable", "Probing", "RateLimited")]
    [InlineData("Probing", "Unavailable", "Unreachable")]
    public void Reason_TwoParts_IsThatOfTheWorseAndOfTheResourceWhereEqual(string deployment, string resource, string expected)
    {
        Bring(_deployment, deployment, OutcomeKind.RateLimited);
        Bring(_resource, resource, OutcomeKind.Unreachable);

        Assert.Equal(expected, _health.Reason.ToString());
    }
}
