using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints;

/// <summary>Ejection and recovery of one target, outcome by outcome. What calls and streams see of it is in Rules/.</summary>
public class HealthStateTests : HealthStateFixture
{
    [Fact]
    public void New_IsHealthyAndClean()
    {
        Assert.Equal((EndpointState.Healthy, true, true, true), (_health.State, _health.IsClean, _health.IsAvailable, _health.CanAcquire));
        Assert.Equal((0, 0, false, false), (_health.Epoch, _health.FailedProbes, _health.NeedsCompletion, _health.IsMisconfigured));
    }

    [Theory]
    [InlineData("RateLimited", 2)]
    [InlineData("Unreachable", 8)]
    [InlineData("BrokenAnswer", 4)]
    [InlineData("MissingDeployment", 4)]
    [InlineData("Cut", 4)]
    public void Recovery_AllowsAsMuchAsItsReasonPermits(string reason, int open)
    {
        GoOut(Enum.Parse<OutcomeKind>(reason));
        Assert.Equal((EndpointState.Unavailable, false, false), (_health.State, _health.IsAvailable, _health.CanAcquire));

        _health.BeginProbing();
        Assert.Equal((EndpointState.Probing, false), (_health.State, _health.IsAvailable));
        Assert.Equal(1, Permits());
        _health.Admit(Now);

        Assert.Equal((EndpointState.Recovering, true), (_health.State, _health.IsAvailable));
        Assert.Equal(open, Permits());
    }

    [Fact]
    public void Permit_Released_CanBeAcquiredAgain()
    {
        GoOut(OutcomeKind.Unreachable);
        _health.BeginProbing();
        _health.Acquire(Now);
        Assert.False(_health.CanAcquire);

        _health.Release(_generation);

        Assert.Equal(1, Permits());
        _health.BeginProbing();
        Assert.Equal(1, Permits());
    }

    [Fact]
    public void Permit_AcquiredBeyondThoseAllowed_IsAllowed()
    {
        GoOut(OutcomeKind.RateLimited);
        _health.BeginProbing();
        Assert.True(_health.Acquire(Now));
        Assert.True(_health.Acquire(Now));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_health.Acquire(Now));
        Assert.Equal((false, Now), (_health.CanAcquire, _health.ProbeBeganAt));

        _health.Admit(Now);

        // One more for the one that was admitted, and its own place. The other two may wait for ever.
        Assert.Equal(2, Permits());
    }

    [Fact]
    public void Permit_OfAHealthyOne_IsNone()
    {
        Assert.False(_health.Acquire(Now));
        Assert.Equal((true, long.MinValue), (_health.CanAcquire, _health.ProbeBeganAt));
    }

    [Fact]
    public void TryBecomeFit_NeedsSixteenAdmittedAtOnce()
    {
        Assert.False(_health.TryPromote());
        GoOut(OutcomeKind.RateLimited);
        Assert.False(_health.TryPromote());
        _health.BeginProbing();
        Assert.False(_health.TryPromote());

        for (int admitted = 1; admitted < 15; admitted++)
        {
            _health.Acquire(Now);
            _health.Admit(Now);
            Assert.False(_health.TryPromote());
        }

        _health.Acquire(Now);
        _health.Admit(Now);
        Assert.True(_health.TryPromote());
        Assert.Equal((EndpointState.Healthy, true), (_health.State, _health.IsClean));
        Assert.False(_health.TryPromote());
    }

    [Theory]
    [InlineData("nothing", "let go", true)]
    [InlineData("nothing", "reopened", true)]
    [InlineData("nothing", "mended", true)]
    [InlineData("a fault", "let go", false)]
    [InlineData("a fault", "reopened", false)]
    [InlineData("a fault", "mended", false)]
    [InlineData("a slow answer", "let go", false)]
    [InlineData("a slow answer", "reopened", false)]
    [InlineData("a slow answer", "mended", false)]
    [InlineData("a suspect", "let go", false)]
    [InlineData("a suspect", "reopened", false)]
    [InlineData("a suspect", "mended", false)]
    public void HealthyAgain_IsCleanOnlyWithoutFailuresToClear(string left, string way, bool clean)
    {
        switch (left)
        {
            case "a fault":
                Assert.False(Fail(OutcomeKind.Failed));
                break;
            case "a slow answer":
                Assert.False(Fail(OutcomeKind.TimedOut));
                break;
            case "a suspect":
                Assert.False(_health.IsRepeatedSuspect(OutcomeKind.RateLimited, 7));
                break;
        }

        GoOut(way == "mended" ? OutcomeKind.MissingDeployment : OutcomeKind.Unreachable);
        Assert.False(_health.IsClean);
        switch (way)
        {
            case "mended":
                Assert.True(_health.Recover(RecoveryReason.Reconfigured, ++_generation, Now));
                break;
            case "reopened":
                _health.Recover(RecoveryReason.CapacityKnown, _generation, Now);
                break;
            default:
                _health.BeginProbing();
                for (int i = 0; i < 3; i++)
                {
                    _health.Acquire(Now);
                    _health.Admit(Now);
                }

                Assert.True(_health.TryPromote());
                break;
        }

        Assert.Equal((EndpointState.Healthy, clean), (_health.State, _health.IsClean));
        _health.Succeeded(_generation);
        Assert.True(_health.IsClean);
    }

    [Theory]
    [InlineData("RateLimited", false, 0)]
    [InlineData("Unreachable", false, 7)]
    [InlineData("TimedOut", true, 7)]
    [InlineData("Stalled", true, 7)]
    [InlineData("Cut", true, 7)]
    [InlineData("BrokenAnswer", false, 7)]
    public void Recovery_AfterTimeoutsOrCuts_NeedsACompletedAnswer(string reason, bool expected, double took)
    {
        OutcomeKind kind = Enum.Parse<OutcomeKind>(reason);
        Assert.True(Fail(kind, cost: 7, onProbation: true));

        Assert.Equal((expected, TimeSpan.FromSeconds(took), Now), (_health.NeedsCompletion, _health.LastFailureTook, _health.LastFailedAt));
        Assert.Equal(Now - (long)(took * _time.TimestampFrequency), _health.LastFailureBeganAt);
        _health.BeginProbing();
        _health.Acquire(Now);
        Assert.Equal(expected, _health.NeedsCompletion);
        _health.Admit(Now);
        Assert.Equal((false, TimeSpan.Zero), (_health.NeedsCompletion, _health.LastFailureTook));
        GoOut(OutcomeKind.Unreachable);
        Assert.False(_health.NeedsCompletion);
    }

    [Theory]
    [InlineData("Failed", true)]
    [InlineData("BrokenAnswer", true)]
    [InlineData("Unreachable", false)]
    [InlineData("CredentialRefused", false)]
    public void IsPartlyWell_WhileItsErrorsAreFewerThanTen(string reason, bool expected)
    {
        Assert.True(_health.IsIntermittent);
        OutcomeKind kind = Enum.Parse<OutcomeKind>(reason);
        if (!Fail(kind))
        {
            Assert.True(Fail(kind));
        }

        Assert.Equal(expected, _health.IsIntermittent);
        _health.Recover(RecoveryReason.CapacityKnown, _generation, Now);
        _health.Succeeded(_generation);
        for (int i = 0; i < 9; i++)
        {
            _health.Endure();
            Assert.Equal((false, true), (_health.IsClean, _health.IsIntermittent));
        }

        _health.Endure();
        Assert.False(_health.IsIntermittent);
    }

    [Theory]
    [InlineData("CredentialRefused", true)]
    [InlineData("MissingDeployment", true)]
    [InlineData("RateLimited", false)]
    public void IsMisconfigured_UntilAdmittedOrReconfigured(string reason, bool expected)
    {
        OutcomeKind kind = Enum.Parse<OutcomeKind>(reason);
        GoOut(kind);
        Assert.Equal(expected, _health.IsMisconfigured);
        _health.BeginProbing();
        Assert.Equal(expected, _health.IsMisconfigured);
        GoOut(kind);

        Assert.Equal(expected, _health.Recover(RecoveryReason.Reconfigured, ++_generation, Now));

        Assert.Equal(expected ? EndpointState.Healthy : EndpointState.Unavailable, _health.State);
        Assert.Equal(expected ? _generation : _generation - 1, _health.Epoch);
        Assert.False(_health.IsMisconfigured);
        Assert.False(_health.Recover(RecoveryReason.Reconfigured, ++_generation, Now));
    }

    [Theory]
    [InlineData("Stalled", 4)]
    [InlineData("TimedOut", 0)]
    [InlineData("Unreachable", 0)]
    public void Progress_OfAStalledOne_MakesItAvailable(string reason, int open)
    {
        GoOut(Enum.Parse<OutcomeKind>(reason), onProbation: true);
        _time.Advance(TimeSpan.FromSeconds(2));

        _health.Recover(RecoveryReason.AnsweredAfterAll, _generation, Now);

        Assert.Equal(open > 0 ? EndpointState.Recovering : EndpointState.Unavailable, _health.State);
        Assert.Equal(open, Permits());
        Assert.Equal(reason == "TimedOut", _health.NeedsCompletion);
    }

    [Fact]
    public void Progress_WhileProbing_MakesItAvailable_AndDoesNothingAfterwards()
    {
        GoOut(OutcomeKind.Stalled);
        _health.BeginProbing();
        _health.Acquire(Now);

        _health.Recover(RecoveryReason.AnsweredAfterAll, _generation, Now);
        Assert.Equal((EndpointState.Recovering, 4), (_health.State, Permits()));

        _health.Recover(RecoveryReason.AnsweredAfterAll, _generation, Now);
        Assert.Equal(0, Permits());
        _health.Recover(RecoveryReason.CapacityKnown, _generation, Now);
        _health.Recover(RecoveryReason.AnsweredAfterAll, _generation, Now);
        Assert.Equal(EndpointState.Healthy, _health.State);
    }

    [Fact]
    public void Progress_BeforeAStatedTime_ChangesNothing()
    {
        GoOut(OutcomeKind.RateLimited, hint: 5);
        GoOut(OutcomeKind.Stalled);
        _time.Advance(TimeSpan.FromSeconds(4.999));
        _health.Recover(RecoveryReason.AnsweredAfterAll, _generation, Now);
        Assert.Equal(EndpointState.Unavailable, _health.State);

        _time.Advance(TimeSpan.FromSeconds(0.001));
        _health.Recover(RecoveryReason.AnsweredAfterAll, _generation, Now);

        Assert.Equal(EndpointState.Recovering, _health.State);
    }

    [Fact]
    public void EjectUntil_OnHearsay_IsNoMisconfiguration_AndANewKeyEndsIt()
    {
        _health.EjectUntil(Now + (60 * _time.TimestampFrequency), isStated: false, ++_generation, Now, OutcomeKind.CredentialRefused, isHearsay: true);
        Assert.Equal((EndpointState.Unavailable, OutcomeKind.CredentialRefused, true, false), (_health.State, _health.Reason, _health.IsHearsay, _health.IsMisconfigured));

        Assert.True(_health.Recover(RecoveryReason.Reconfigured, ++_generation, Now));
        GoOut(OutcomeKind.CredentialRefused);
        Assert.Equal((false, true, 10), (_health.IsHearsay, _health.IsMisconfigured, OutFor));
    }
}
