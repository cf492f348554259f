using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints;

/// <summary>Permits of a deployment and of its resource, and what recovers which.</summary>
public class EndpointHealthPermitTests : EndpointHealthFixture
{
    [Theory]
    [InlineData("Healthy", "Healthy", false, false)]
    [InlineData("Probing", "Healthy", true, false)]
    [InlineData("Healthy", "Recovering", false, true)]
    [InlineData("Probing", "Probing", true, true)]
    public void Acquire_PartsThatAreNotHealthy_GivesAPermitOfEach(string deployment, string resource, bool ofDeployment, bool ofResource)
    {
        Bring(_deployment, deployment, OutcomeKind.RateLimited);
        Bring(_resource, resource, OutcomeKind.Unreachable);

        Permit permit = _health.Acquire(Now);

        Assert.Equal(new Permit(ofDeployment, ofResource), permit);
        Assert.Equal(ofDeployment || ofResource, permit.IsHeld);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void Release_Permit_GivesBackWhatItIsOf(bool ofDeployment, bool ofResource)
    {
        ProbeBoth();

        _health.Release(new Permit(ofDeployment, ofResource), _epoch);

        Assert.Equal((ofDeployment, ofResource), (_deployment.CanAcquire, _resource.CanAcquire));
    }

    [Fact]
    public void Release_PermitOfAnEarlierEpoch_IsVoid()
    {
        int before = _epoch;
        ProbeBoth();

        _health.Release(new Permit(true, true), before);

        Assert.Equal((false, false), (_deployment.CanAcquire, _resource.CanAcquire));
    }

    [Theory]
    [InlineData("RateLimited")]
    [InlineData("MissingDeployment")]
    public void AdmitAtDeployment_Probed_Recovers(string reason)
    {
        Bring(_deployment, "Probing", Enum.Parse<OutcomeKind>(reason));
        Permit permit = _health.Acquire(Now);

        _health.AdmitAtDeployment(permit, _epoch, Now);

        Assert.Equal(EndpointState.Recovering, _deployment.State);
    }

    [Fact]
    public void AdmitAtDeployment_HealthyAgainMeanwhile_StaysSo()
    {
        Bring(_deployment, "Promoted", OutcomeKind.RateLimited);

        _health.AdmitAtDeployment(new Permit(true, false), _epoch, Now);

        Assert.Equal(EndpointState.Healthy, _deployment.State);
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, -1)]
    public void AdmitAtDeployment_NoPermitOrAnEarlierEpoch_ChangesNothing(bool ofDeployment, int epoch)
    {
        ProbeBoth();

        _health.AdmitAtDeployment(new Permit(ofDeployment, true), _deployment.Epoch + epoch, Now);

        Assert.Equal((EndpointState.Probing, false), (_deployment.State, _deployment.CanAcquire));
    }

    [Theory]
    [InlineData(false, 0, false)]
    [InlineData(true, -1, false)]
    [InlineData(true, 0, true)]
    [InlineData(true, 1, true)]
    public void AdmitAtResource_PermitAndEpoch_RecoversForAPermitOfThisEpoch(bool ofResource, int epoch, bool expected)
    {
        ProbeBoth();

        Assert.Equal(expected, _health.AdmitAtResource(new Permit(true, ofResource), _resource.Epoch + epoch, Now));

        Assert.Equal(expected ? EndpointState.Recovering : EndpointState.Probing, _resource.State);
        Assert.Equal(EndpointState.Probing, _deployment.State);
    }

    [Fact]
    public void Succeeded_OfAnEpochBetweenTheTwo_ClearsOne()
    {
        Eject(_deployment, OutcomeKind.TimedOut);
        PassAProbe(_deployment);
        Assert.False(Eject(_resource, OutcomeKind.Failed, onProbation: false));
        int between = _epoch;
        Eject(_deployment, OutcomeKind.TimedOut);
        Eject(_deployment, OutcomeKind.TimedOut);

        _health.Succeeded(between);

        Assert.Equal((false, true), (_deployment.IsClean, _resource.IsClean));
    }

    [Theory]
    [InlineData("MissingDeployment")]
    [InlineData("CredentialRefused")]
    public void Reconfigured_EitherPartWasMisconfigured_IsHealthy(string reason)
    {
        OutcomeKind kind = Enum.Parse<OutcomeKind>(reason);
        Eject(_health.TargetOf(kind), kind);

        Assert.True(_health.Reconfigured(++_epoch, Now));

        Assert.Equal((EndpointState.Healthy, _epoch), (_health.State, _health.TargetOf(kind).Epoch));
    }

    [Fact]
    public void Reconfigured_BothWereMisconfigured_BothAreHealthy()
    {
        Eject(_deployment, OutcomeKind.MissingDeployment);
        Eject(_resource, OutcomeKind.CredentialRefused);

        Assert.True(_health.Reconfigured(++_epoch, Now));

        Assert.True(_health.IsHealthy);
    }

    [Fact]
    public void Reconfigured_UnavailableForSomethingElse_Stays()
    {
        Eject(_deployment, OutcomeKind.RateLimited);

        Assert.False(_health.Reconfigured(++_epoch, Now));

        Assert.Equal(EndpointState.Unavailable, _health.State);
    }

    /// <summary>Both parts are probed, and their permits are taken.</summary>
    private void ProbeBoth()
    {
        Bring(_deployment, "Probing", OutcomeKind.RateLimited);
        Bring(_resource, "Probing", OutcomeKind.Unreachable);
        _health.Acquire(Now);
    }
}
