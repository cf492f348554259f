using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>What a rejection tells of an endpoint's limit: how many calls a second it takes, and whether its own hints are believed.</summary>
public class OutcomeWriterLimitTests
{
    private readonly BalancerParts _parts = new(["ab"]);

    private HealthState Deployment => _parts['a'].Health.Deployment;

    private EndpointCapacity Capacity => _parts['a'].Capacity;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Eject_RejectionsOfOneBurst_AreOneCut(bool stated)
    {
        double? hint = stated ? 0.15 : null;
        int before = _parts.State.Epoch;
        Attempt[] burst = [.. Enumerable.Range(0, 10).Select(_ => _parts.Begin('a'))];

        // Of ten three are rejected: one of the present epoch, and then two that are late or within the pause.
        for (int i = 0; i < 3; i++)
        {
            _parts.Fail('a', OutcomeKind.RateLimited, hint, epoch: before);
        }

        Assert.All(burst, static attempt => Assert.False(attempt.HoldsPermit));
        Assert.Equal(10, _parts.PaceOf('a'), 0.01);
    }

    [Theory]
    [InlineData(0.05)]
    [InlineData(0.5)]
    public void Eject_RejectionsOfAttemptsThatBeganBeforeThePause_AreOneCut(double hint)
    {
        _parts.LearnPace('a', perSecond: 10, pause: 0.2);
        _parts.TakeTwo('a');
        _parts.Fail('a', OutcomeKind.RateLimited, hint, took: 0.01);
        double? once = Capacity.PerSecond;

        // It was sent before the pause, and is rejected after it.
        _parts.Pass(hint + 0.1);
        Deployment.Recover(RecoveryReason.CapacityKnown, _parts.State.Epoch, _parts.Now);
        _parts.Fail('a', OutcomeKind.RateLimited, hint, took: hint + 0.2);

        // It comes early on the way back, so it cuts a fifth.
        Assert.Equal(8, once!.Value, 6);
        Assert.Equal((once, _parts.In(hint)), (Capacity.PerSecond, Capacity.PausedUntil));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Eject_LateRejectionAtARecoveredEndpoint_IsKnownByItsTimeOnly(bool stated)
    {
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 1);
        _parts.Pass(1);
        Deployment.Recover(RecoveryReason.CapacityKnown, _parts.State.Epoch, _parts.Now);

        _parts.Fail('a', OutcomeKind.RateLimited, hint: stated ? 2 : null, epoch: 0, took: 1.5);

        // A stated time shuts it again, whichever attempt brought it. Without one it says nothing.
        Assert.Equal((!stated, stated ? _parts.In(2) : _parts.Now), (_parts['a'].Health.IsHealthy, Capacity.PausedUntil));
    }

    [Fact]
    public void Eject_RejectionOutOfTheBlue_TakesTheRateFromThoseThatRunAndThoseItAnsweredInASecond()
    {
        Capacity.Note(0, _parts.Now);
        _parts.Begin('a');
        _parts.Pass(0.5);
        Attempt attempt = _parts.Begin('a');
        _parts.Begin('b');
        for (int i = 0; i < 4; i++)
        {
            Attempt answered = _parts.Begin('a');
            _parts['a'].Ended(answered, answered: true, counted: true);
            _parts.InFlight.End(answered);
        }

        _parts.Pass(0.5);
        _parts.Begin('a');
        _parts.Pass(0.01);
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 0.15);

        // Two that run began within a second, and four were answered.
        Assert.False(attempt.HoldsPermit);
        Assert.InRange(_parts.PaceOf('a'), 2 + 3.9, 2 + 4);
    }

    [Fact]
    public void Eject_AttemptThatBeganASecondAgo_IsOfTheSecond()
    {
        _parts.Begin('a');
        _parts.Begin('a');
        _parts.Pass(1);

        _parts.Fail('a', OutcomeKind.RateLimited, hint: 0.6);

        Assert.Equal(2, _parts.PaceOf('a'), 0.01);
    }

    [Theory]
    [InlineData(0.6)]
    [InlineData(null)]
    public void Eject_LateRejectionOfAnEndpointThatTimedOut_IsTheFirstOfItsPace(double? hint)
    {
        _parts.Begin('a');
        _parts.Fail('a', OutcomeKind.TimedOut, hint: 0.5, onProbation: true);

        _parts.Fail('a', OutcomeKind.RateLimited, hint, epoch: 0);

        Assert.True(Capacity.HasPace);
        Assert.Equal(_parts.In(hint ?? 1), Capacity.PausedUntil);
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

        Assert.False(Capacity.HasPace);
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
        Assert.False(Capacity.HasPace);
        Assert.False(IsBelievedOnceMore());
    }

    [Fact]
    public void Eject_ResourceIsExhausted_CountsOneRejectionAndChangesNoOtherRate()
    {
        BalancerParts parts = new(["ab", "c"], shared: "abc");
        parts.LearnPace('b', perSecond: 10, pause: 0.2);
        parts.Pass(1);
        for (int i = 0; i < 5; i++)
        {
            parts.Begin('a');
            parts.Begin('b');
            parts.Begin('c');
        }

        parts.Outcomes.Eject(
            parts['a'], parts.State.Epoch, BalancerParts.OutcomeOf(OutcomeKind.RateLimited, hint: 0.5, exhaustsResource: true), TimeSpan.Zero, 1, onProbation: false, parts.Now);

        // All three are paused. What one deployment of the resource takes says nothing of what another does.
        Assert.Equal((10, false), (Math.Round(parts['b'].Capacity.PerSecond!.Value, 3), parts['c'].Capacity.HasPace));
        Assert.Equal(5, parts.PaceOf('a'), 0.01);
        Assert.All("abc", name => Assert.Equal((parts.In(0.5), EndpointState.Unavailable), (parts[name].Capacity.PausedUntil, parts[name].Health.State)));
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
