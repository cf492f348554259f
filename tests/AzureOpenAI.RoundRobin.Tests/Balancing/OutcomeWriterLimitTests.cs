using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>What a rejection tells of an endpoint's limit: how many calls its window held, and whether its own hints are believed.</summary>
public class OutcomeWriterLimitTests
{
    private readonly BalancerParts _parts = new(["ab"]);

    private HealthState Deployment => _parts['a'].Health.Deployment;

    private EndpointCapacity Capacity => _parts['a'].Capacity;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Eject_RejectionsOfOneBurst_AreTakenFromWhatTheWindowAdmitted(bool stated)
    {
        double? hint = stated ? 1 : null;
        int before = _parts.State.Epoch;
        Attempt[] burst = [.. Enumerable.Range(0, 10).Select(_ => _parts.Begin('a'))];

        // Of ten three are rejected: one of the present epoch, and then two that are late.
        for (int i = 0; i < 3; i++)
        {
            _parts.Fail('a', OutcomeKind.RateLimited, hint, epoch: before);
        }

        Assert.All(burst, static attempt => Assert.False(attempt.HoldsPermit));
        Assert.Equal(7, AdmittedInTheWindow(Deployment.UnavailableUntil, stated));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Eject_LateRejectionAtARecoveredEndpoint_IsNoneOfTheNewWindow(bool stated)
    {
        _parts.LearnWindow('a');
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 1);
        _parts.Pass(1);
        Deployment.Recover(RecoveryReason.CapacityKnown, _parts.State.Epoch, _parts.Now);
        Assert.True(Capacity.Reopen(_parts.Now, stated: true));

        _parts.Fail('a', OutcomeKind.RateLimited, hint: stated ? 2 : null, epoch: 0);

        // A stated time shuts it again, whichever attempt brought it. Without one it says nothing.
        Assert.Equal((!stated, !stated), (_parts['a'].Health.IsHealthy, Capacity.HoldsBack));
    }

    [Fact]
    public void Eject_RejectionOutOfTheBlue_ReckonsTheWindowFromThoseThatRunAndThoseItAnswered()
    {
        Capacity.Note(0, _parts.Now);
        _parts.Begin('a');
        _parts.Pass(0.5);
        Attempt attempt = _parts.Begin('a');
        _parts.Begin('b');
        for (int i = 0; i < 4; i++)
        {
            _parts['a'].Ended(_parts.Begin('a'), answered: true, counted: true);
        }

        // A pause of 0.6 s is the rest of a window of a second, of which 0.4 s have passed: of 4 answers within 0.5 s that is 3 and a bit, and 5 attempts began since.
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 0.6);

        Assert.False(attempt.HoldsPermit);
        Assert.Equal(8 - 1, AdmittedInTheWindow(_parts.In(0.6), stated: true));
    }

    [Theory]
    [InlineData(0.6, 3)]
    [InlineData(null, 5)]
    public void Eject_LateRejectionOfAnEndpointThatTimedOut_ReckonsItsWindowFromTheStatedTimeOrFromNow(double? hint, int taken)
    {
        BeginTwoAndThree();
        _parts.Fail('a', OutcomeKind.TimedOut, hint: 0.6, onProbation: true);
        Assert.False(Capacity.IsCounted);

        _parts.Fail('a', OutcomeKind.RateLimited, hint, epoch: 0);

        Assert.Equal(taken - 1, AdmittedInTheWindow(_parts.In(0.6), stated: true));
    }

    [Theory]
    [InlineData(0.6, 3)]
    [InlineData(null, 5)]
    public void Eject_RejectionOfAnEndpointThatStatedATimeBefore_ReckonsItsWindowFromThisTimeOrFromNow(double? hint, int taken)
    {
        BeginTwoAndThree();
        _parts.Fail('a', OutcomeKind.TimedOut, hint: 0.6, onProbation: true);
        Deployment.BeginProbing();

        _parts.Fail('a', OutcomeKind.RateLimited, hint);

        Assert.Equal(taken - 1, AdmittedInTheWindow(_parts.In(0.6), stated: true));
    }

    [Theory]
    [InlineData("TimedOut")]
    [InlineData("MissingDeployment")]
    [InlineData("Failed")]
    [InlineData("CredentialRefused")]
    public void Eject_AnythingElseThatIsLate_SaysNothingOfTheLimit(string kind)
    {
        OutcomeKind late = Enum.Parse<OutcomeKind>(kind);
        _parts.Fail('a', late, onProbation: true);
        Assert.Equal(EndpointState.Unavailable, _parts['a'].Health.State);

        _parts.Fail('a', late, epoch: 0);
        _parts.Fail('a', late, hint: 1, epoch: 0);

        Assert.False(Capacity.IsCounted);
    }

    [Fact]
    public void Eject_AttemptThatBeganWhenTheWindowDid_IsOfTheWindow()
    {
        _parts.Begin('a');
        _parts.Begin('a');
        _parts.Begin('a');
        _parts.Pass(0.4);

        _parts.Fail('a', OutcomeKind.RateLimited, hint: 0.6);

        Assert.Equal(2, AdmittedInTheWindow(_parts.In(0.6), stated: true));
    }

    [Fact]
    public void Eject_Rejection_ConfirmsWhatTheEndpointSaidOfItsLimit()
    {
        Doubt();
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 1);
        Assert.True(IsBelievedOnceMore());
    }

    [Theory]
    [InlineData("Failed", null)]
    [InlineData("MissingDeployment", null)]
    [InlineData("Unreachable", null)]
    [InlineData("Failed", 1.0)]
    public void Eject_AnythingElse_SaysNothingOfTheLimit(string kind, double? hint)
    {
        Doubt();
        _parts.Fail('a', Enum.Parse<OutcomeKind>(kind), hint, onProbation: true);

        Assert.Equal(EndpointState.Unavailable, _parts['a'].Health.State);
        Assert.False(Capacity.IsCounted);
        Assert.False(IsBelievedOnceMore());
    }

    [Fact]
    public void Eject_ResourceIsExhausted_CountsOneRejection()
    {
        for (int i = 0; i < 5; i++)
        {
            _parts.Begin('a');
        }

        _parts.Outcomes.Eject(
            _parts['a'], _parts.State.Epoch, BalancerParts.OutcomeOf(OutcomeKind.RateLimited, hint: 0.5, exhaustsResource: true), TimeSpan.Zero, 1, onProbation: false, _parts.Now);

        Assert.Equal(4, AdmittedInTheWindow(Deployment.UnavailableUntil, stated: true));
    }

    /// <summary>Two attempts began 0.8 s ago, and three 0.4 s ago.</summary>
    private void BeginTwoAndThree()
    {
        _parts.Begin('a');
        _parts.Begin('a');
        _parts.Pass(0.4);
        _parts.Begin('a');
        _parts.Begin('a');
        _parts.Begin('a');
        _parts.Pass(0.4);
    }

    /// <summary>How many calls the window is taken to hold that the last rejection has shut.</summary>
    private int AdmittedInTheWindow(long opensAt, bool stated)
    {
        Capacity.Reopen(opensAt, stated);
        Capacity.Admitted();
        int admitted = 0;
        for (; Capacity.HasRoom && admitted < 100; admitted++)
        {
            Capacity.Charge(0, opensAt);
        }

        // The first look above the limit is one call more.
        return admitted - 1;
    }

    /// <summary>The endpoint has said that it is near its limit, has had its rest, and answered: said once more, it is doubted.</summary>
    private void Doubt()
    {
        SayNear();
        Rest();
        SayNear();
        Rest();
    }

    private bool IsBelievedOnceMore()
    {
        SayNear();
        return _parts['a'].Hints.IsNear;
    }

    private void Rest()
    {
        _parts.Pass(60);
        _parts['a'].Hints.Advance(_parts.Now);
    }

    private void SayNear()
    {
        using HttpResponseMessage answer = new();
        answer.Headers.Add("x-ratelimit-remaining-requests", "0");
        answer.Headers.Add("x-ratelimit-reset-requests", "10");
        _parts['a'].Hints.Answered(answer.Headers);
        _parts['a'].Hints.Apply(_parts.Now);
    }
}
