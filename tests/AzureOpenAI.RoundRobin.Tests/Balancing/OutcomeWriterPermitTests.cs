using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>What an outcome does to the permits of an endpoint that is not healthy, and what a success clears.</summary>
public class OutcomeWriterPermitTests
{
    private readonly BalancerParts _parts = new(["ab"]);

    private HealthState Deployment => _parts['a'].Health.Deployment;

    private HealthState Resource => _parts['a'].Health.Resource;

    private (EndpointState Deployment, EndpointState Resource) States => (Deployment.State, Resource.State);

    [Fact]
    public void Admit_NoPermit_ChangesNothing()
    {
        Attempt attempt = _parts.Begin('a');

        _parts.Outcomes.Admit(attempt, _parts.Now, completed: true);

        Assert.Equal((false, false), (attempt.IsAdmitted, _parts.State.HasChanged));
    }

    [Fact]
    public void Admit_ProbeOfBoth_BothRecover()
    {
        ProbeBoth();
        Attempt attempt = _parts.Begin('a');
        Assert.Equal(new Permit(true, true), attempt.Permit);

        _parts.Outcomes.Admit(attempt, _parts.Now, completed: false);

        Assert.Equal((EndpointState.Recovering, EndpointState.Recovering), States);
        Assert.Equal((true, 0, true), (attempt.IsAdmitted, _parts.Permits.Count, _parts.State.HasChanged));
    }

    [Fact]
    public void Admit_AdmittedBefore_ChangesNothing()
    {
        _parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        Attempt attempt = _parts.Begin('a');
        _parts.Outcomes.Admit(attempt, _parts.Now, completed: false);
        _parts.State.HasChanged = false;
        int permits = Permits();

        _parts.Outcomes.Admit(attempt, _parts.Now, completed: true);

        Assert.Equal((permits, false), (Permits(), _parts.State.HasChanged));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Admit_OnlyACompletedAnswerCounts_WaitsForIt(bool completed)
    {
        _parts.EjectAndProbe('a', OutcomeKind.TimedOut);
        Attempt attempt = _parts.Begin('a');

        _parts.Outcomes.Admit(attempt, _parts.Now, completed);

        Assert.Equal((completed, completed, completed ? 0 : 1), (attempt.IsAdmitted, _parts.State.HasChanged, _parts.Permits.Count));
        Assert.Equal(completed ? EndpointState.Recovering : EndpointState.Probing, Deployment.State);
    }

    [Theory]
    [InlineData("RateLimited")]
    [InlineData("MissingDeployment")]
    public void Admit_PaceIsKnown_StillGoesStepByStepAfterAProbe(string reason)
    {
        _parts.LearnPace('a');
        _parts.EjectAndProbe('a', Enum.Parse<OutcomeKind>(reason));
        Attempt attempt = _parts.Begin('a');

        _parts.Outcomes.Admit(attempt, _parts.Now, completed: false);

        Assert.Equal(EndpointState.Recovering, Deployment.State);
    }

    [Fact]
    public void Admit_OfAnEarlierEpoch_FreesThePermitsPlaceOnly()
    {
        ProbeBoth();
        Attempt attempt = _parts.Begin('a');
        ProbeBoth();
        _parts.State.HasChanged = false;

        _parts.Outcomes.Admit(attempt, _parts.Now, completed: true);

        Assert.Equal((EndpointState.Probing, EndpointState.Probing), States);
        Assert.Equal((true, 0, true), (attempt.IsAdmitted, _parts.Permits.Count, _parts.State.HasChanged));
    }

    [Fact]
    public void AdmitAtResource_PermitOfBoth_KeepsThatOfTheDeployment()
    {
        ProbeBoth();
        Attempt attempt = _parts.Begin('a');

        _parts.Outcomes.AdmitAtResource(attempt, _parts.Now);

        Assert.Equal((EndpointState.Probing, EndpointState.Recovering), States);
        Assert.Equal((new Permit(true, false), 1, true), (attempt.Permit, _parts.Permits.Count, _parts.State.HasChanged));
    }

    [Fact]
    public void AdmitAtResource_PermitOfTheResourceAlone_IsUsedUp()
    {
        _parts.EjectAndProbe('a', OutcomeKind.Unreachable);
        Attempt attempt = _parts.Begin('a');

        _parts.Outcomes.AdmitAtResource(attempt, _parts.Now);

        Assert.Equal((EndpointState.Healthy, EndpointState.Recovering), States);
        Assert.Equal((false, 0, true), (attempt.HoldsPermit, _parts.Permits.Count, _parts.State.HasChanged));
    }

    [Fact]
    public void AdmitAtResource_OfAnEarlierEpoch_ChangesNothingThere()
    {
        _parts.EjectAndProbe('a', OutcomeKind.Unreachable);
        Attempt attempt = _parts.Begin('a');
        _parts.EjectAndProbe('a', OutcomeKind.Unreachable);

        _parts.Outcomes.AdmitAtResource(attempt, _parts.Now);

        Assert.Equal((EndpointState.Probing, false), (Resource.State, _parts.State.HasChanged));
        Assert.Equal((false, 0), (attempt.HoldsPermit, _parts.Permits.Count));
    }

    [Fact]
    public void AdmitAtResource_ChangedBefore_StaysSo()
    {
        Attempt attempt = _parts.Begin('a');
        _parts.State.HasChanged = true;

        _parts.Outcomes.AdmitAtResource(attempt, _parts.Now);

        Assert.True(_parts.State.HasChanged);
    }

    [Fact]
    public void ReleasePermit_None_ChangesNothing()
    {
        Attempt attempt = _parts.Begin('a');

        _parts.Outcomes.ReleasePermit(attempt);

        Assert.False(_parts.State.HasChanged);
    }

    [Fact]
    public void ReleasePermit_NotAdmitted_AnotherCallMayProbe()
    {
        ProbeBoth();
        Attempt attempt = _parts.Begin('a');
        Assert.False(_parts['a'].HasRoom(_parts.Now));

        _parts.Outcomes.ReleasePermit(attempt);

        Assert.Equal((true, false, 0, true), (_parts['a'].HasRoom(_parts.Now), attempt.HoldsPermit, _parts.Permits.Count, _parts.State.HasChanged));
    }

    [Fact]
    public void ReleasePermit_Admitted_IsNotGivenBackTwice()
    {
        _parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        Attempt attempt = _parts.Begin('a');
        _parts.Outcomes.Admit(attempt, _parts.Now, completed: false);
        _parts.State.HasChanged = false;

        _parts.Outcomes.ReleasePermit(attempt);

        Assert.Equal((false, true, 2), (attempt.HoldsPermit, _parts.State.HasChanged, Permits()));
    }

    [Fact]
    public void ClearFailures_EndpointThatIsHealthy_ClearsItsErrors()
    {
        _parts.Fail('a', OutcomeKind.Failed);
        _parts.Fail('a', OutcomeKind.TimedOut);
        Attempt attempt = _parts.Begin('a');

        _parts.Outcomes.ClearFailures(attempt, attempt.Number, _parts.Now);

        Assert.Equal((true, false), (_parts['a'].Health.IsClean, _parts.State.HasChanged));
    }

    [Fact]
    public void ClearFailures_OfAnEarlierEpoch_ClearsNothing()
    {
        Attempt attempt = _parts.Begin('a');
        _parts.EjectAndRecover('a', OutcomeKind.Failed);
        while (!Resource.TryPromote())
        {
            Resource.Acquire(_parts.Now);
            Resource.Admit(_parts.Now);
        }

        _parts.Outcomes.ClearFailures(attempt, attempt.Number, _parts.Now);

        Assert.Equal((true, false), (_parts['a'].Health.IsHealthy, _parts['a'].Health.IsClean));
    }

    [Fact]
    public void ClearFailures_ProbeThatHadToComplete_AdmitsIt()
    {
        _parts.EjectAndProbe('a', OutcomeKind.Cut);
        Attempt attempt = _parts.Begin('a');

        _parts.Outcomes.ClearFailures(attempt, attempt.Number, _parts.Now);

        Assert.Equal(EndpointState.Recovering, Deployment.State);
    }

    [Fact]
    public void ClearFailures_PaceIsKnown_ChangesNothing()
    {
        _parts.LearnPace('a');
        Attempt attempt = _parts.Begin('a');
        Assert.True(_parts['a'].IsClean);

        _parts.Outcomes.ClearFailures(attempt, attempt.Number, _parts.Now);

        Assert.False(_parts.State.HasChanged);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ClearFailures_AnswerSaysThatItIsNearItsLimit_IsTaken(bool changedBefore)
    {
        using HttpResponseMessage answer = new();
        answer.Headers.Add("x-ratelimit-remaining-requests", "0");
        _parts['a'].Hints.Answered(answer.Headers);
        Attempt attempt = _parts.Begin('a');
        _parts.State.HasChanged = changedBefore;

        _parts.Outcomes.ClearFailures(attempt, attempt.Number, _parts.Now);

        Assert.Equal((true, true), (_parts['a'].Hints.IsNear, _parts.State.HasChanged));
    }

    [Fact]
    public void ClearFailures_ChangedBefore_StaysSo()
    {
        Attempt attempt = _parts.Begin('a');
        _parts.State.HasChanged = true;

        _parts.Outcomes.ClearFailures(attempt, attempt.Number, _parts.Now);

        Assert.True(_parts.State.HasChanged);
    }

    [Fact]
    public void ClearFailures_AnswerFromBeforeItStalled_Recovers()
    {
        Attempt attempt = _parts.Begin('a');
        Stall(middleCall: 10);

        _parts.Outcomes.ClearFailures(attempt, 10, _parts.Now);

        Assert.Equal(EndpointState.Recovering, Deployment.State);
    }

    [Theory]
    [InlineData(10, 10, "Recovering")]
    [InlineData(10, 9, "Unavailable")]
    [InlineData(10, 11, "Recovering")]
    [InlineData(uint.MaxValue, 1, "Recovering")]
    [InlineData(1, uint.MaxValue, "Unavailable")]
    public void RecoverFromStall_AnswerOfTheYoungerHalf_Recovers(uint middle, uint number, string expected)
    {
        Attempt attempt = _parts.Begin('a');
        Stall(middle);
        _parts.State.HasChanged = false;

        _parts.Outcomes.RecoverFromStall(attempt, number, _parts.Now);

        Assert.Equal(expected, Deployment.State.ToString());
        Assert.Equal(expected == "Recovering", _parts.State.HasChanged);
    }

    [Fact]
    public void RecoverFromStall_AttemptFromAfterIt_ProvesNothing()
    {
        Stall(middleCall: 10);
        Attempt attempt = _parts.Begin('a');
        _parts.State.HasChanged = false;

        _parts.Outcomes.RecoverFromStall(attempt, 11, _parts.Now);

        Assert.Equal((EndpointState.Unavailable, false), (Deployment.State, _parts.State.HasChanged));
    }

    [Fact]
    public void RecoverFromStall_UnavailableForSomethingElse_StaysSo()
    {
        Attempt attempt = _parts.Begin('a');
        _parts.Eject('a', OutcomeKind.TimedOut);

        _parts.Outcomes.RecoverFromStall(attempt, 11, _parts.Now);

        Assert.Equal((EndpointState.Unavailable, false), (Deployment.State, _parts.State.HasChanged));
    }

    private void Stall(uint middleCall) => _parts.Outcomes.Eject(new Stall(_parts['a'], TimeSpan.FromSeconds(1), middleCall), _parts.Now);

    private void ProbeBoth()
    {
        _parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        _parts.EjectAndProbe('a', OutcomeKind.Unreachable);
    }

    /// <summary>How many calls the deployment takes at once.</summary>
    private int Permits()
    {
        int permits = 0;
        for (; Deployment.CanAcquire && permits < 100; permits++)
        {
            Deployment.Acquire(_parts.Now);
        }

        for (int i = 0; i < permits; i++)
        {
            Deployment.Release(_parts.State.Epoch);
        }

        return permits;
    }
}
