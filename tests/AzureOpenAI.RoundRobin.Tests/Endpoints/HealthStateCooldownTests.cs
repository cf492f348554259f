using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints;

/// <summary>For how long one target is ejected, and how that grows and is forgotten.</summary>
public class HealthStateCooldownTests : HealthStateFixture
{
    [Theory]
    [InlineData("Failed")]
    [InlineData("BrokenAnswer")]
    [InlineData("TimedOut")]
    public void FirstOfItsKind_IsForgiven_UntilASecondWithoutASuccess(string kind)
    {
        OutcomeKind outcome = Enum.Parse<OutcomeKind>(kind);
        Assert.False(Fail(outcome));
        Assert.Equal((EndpointState.Healthy, false), (_health.State, _health.IsClean));
        _health.Succeeded(_generation);
        Assert.True(_health.IsClean);
        Assert.False(Fail(outcome));

        Assert.True(Fail(outcome));

        Assert.Equal((EndpointState.Unavailable, outcome), (_health.State, _health.Reason));
        _health.Succeeded(_generation);
        Assert.False(_health.IsClean);
    }

    [Fact]
    public void First_WhileRecoveringOrWithAHint_Ejects()
    {
        Assert.True(Fail(OutcomeKind.Failed, onProbation: true));
        Assert.Equal(1, OutFor);
        _health.Recover(RecoveryReason.CapacityKnown, _generation, Now);
        _health.Succeeded(_generation);

        Assert.True(Fail(OutcomeKind.Failed, hint: 3));
        Assert.Equal((3, 3), (OutFor, StatedFor));
    }

    [Fact]
    public void TimeUnavailable_MakesTheNextCooldownLonger()
    {
        GoOut(OutcomeKind.Unreachable);
        _time.Advance(TimeSpan.FromSeconds(8));
        PassAProbe();
        GoOut(OutcomeKind.Unreachable);
        Assert.Equal(2, OutFor);

        _time.Advance(TimeSpan.FromSeconds(8));
        GoOut(OutcomeKind.Unreachable);
        Assert.Equal(4, OutFor);
    }

    [Fact]
    public void PausesAfterRejections_MakeNoLaterCooldownLonger()
    {
        for (int i = 0; i < 20; i++)
        {
            _health.EjectUntil(Now + (8 * _time.TimestampFrequency), isStated: true, ++_generation, Now);
            _time.Advance(TimeSpan.FromSeconds(8));
            _health.Recover(RecoveryReason.CapacityKnown, _generation, Now);
        }

        GoOut(OutcomeKind.Stalled);

        Assert.Equal(1, OutFor);
    }

    [Fact]
    public void FailedProbes_AreThoseFailedWhileUnavailable()
    {
        GoOut(OutcomeKind.Unreachable);
        Assert.Equal(0, _health.FailedProbes);
        GoOut(OutcomeKind.Unreachable);
        Assert.Equal(1, _health.FailedProbes);
        _health.BeginProbing();
        GoOut(OutcomeKind.Unreachable);
        Assert.Equal(2, _health.FailedProbes);

        PassAProbe();
        Assert.Equal(0, _health.FailedProbes);
        GoOut(OutcomeKind.Unreachable);
        Assert.Equal(0, _health.FailedProbes);

        GoOut(OutcomeKind.Unreachable);
        _health.Recover(RecoveryReason.CapacityKnown, _generation, Now);
        Assert.Equal(0, _health.FailedProbes);
    }

    [Fact]
    public void FailedProbes_AreAtLeastTheErrorsInARow()
    {
        _health.Endure();
        _health.Endure();
        _health.Endure();

        Assert.True(Fail(OutcomeKind.Failed));

        Assert.Equal(3, _health.FailedProbes);
    }

    [Fact]
    public void Growth_IsForgottenStepByStep_FromTheEndOfTheCooldown()
    {
        GoOut(OutcomeKind.Cut);
        GoOut(OutcomeKind.Cut);
        GoOut(OutcomeKind.Cut);
        Assert.Equal(8, OutFor);

        _time.Advance(TimeSpan.FromSeconds(8 + 59));
        _health.Recover(RecoveryReason.CapacityKnown, _generation, Now);
        GoOut(OutcomeKind.Cut);
        Assert.Equal(8, OutFor);

        _time.Advance(TimeSpan.FromDays(400));
        _health.Recover(RecoveryReason.CapacityKnown, _generation, Now);
        GoOut(OutcomeKind.Cut);
        Assert.Equal(2, OutFor);
    }

    [Fact]
    public void Growth_OfOneKind_IsNotThatOfAnother()
    {
        GoOut(OutcomeKind.Unreachable);
        GoOut(OutcomeKind.Unreachable);

        GoOut(OutcomeKind.Cut);

        Assert.Equal(2, OutFor);
    }

    [Fact]
    public void StatedTime_IsNotShortenedByALaterOne()
    {
        GoOut(OutcomeKind.RateLimited, hint: 20);
        GoOut(OutcomeKind.RateLimited, hint: 5);
        Assert.Equal((20, 20), (OutFor, StatedFor));
        GoOut(OutcomeKind.RateLimited);
        Assert.Equal((20, 20), (OutFor, StatedFor));
        _health.EjectUntil(Now + _time.TimestampFrequency, isStated: true, ++_generation, Now);
        Assert.Equal((20, 20), (OutFor, StatedFor));
        _health.EjectUntil(Now + (25 * _time.TimestampFrequency), isStated: false, ++_generation, Now);
        Assert.Equal((25, 20), (OutFor, StatedFor));
        _health.EjectUntil(Now + (30 * _time.TimestampFrequency), isStated: true, ++_generation, Now);
        Assert.Equal((30, 30), (OutFor, StatedFor));
        Assert.Equal((OutcomeKind.RateLimited, EndpointState.Unavailable, _generation), (_health.Reason, _health.State, _health.Epoch));
    }

    [Fact]
    public void LateFailure_CountsOnlyByItsHint()
    {
        Assert.False(FailLate(hint: null));
        Assert.Equal((EndpointState.Healthy, 0), (_health.State, _health.Epoch));

        Assert.True(FailLate(hint: 5));
        Assert.Equal((EndpointState.Unavailable, _generation, 5, 5), (_health.State, _health.Epoch, OutFor, StatedFor));
        int struckAt = _generation;

        Assert.False(FailLate(hint: 9));
        Assert.Equal((struckAt, 9, 9), (_health.Epoch, OutFor, StatedFor));
        Assert.False(FailLate(hint: 2));
        Assert.Equal((9, 9), (OutFor, StatedFor));

        GoOut(OutcomeKind.Unreachable);
        _time.Advance(TimeSpan.FromSeconds(9));
        GoOut(OutcomeKind.TimedOut, cost: 10);
        Assert.False(FailLate(hint: 3));
        Assert.Equal((40, 3), (OutFor, StatedFor));
    }

    [Fact]
    public void SuspectRequest_EjectsOnceADifferentRequestGetsTheSame()
    {
        Assert.False(_health.IsRepeatedSuspect(OutcomeKind.RateLimited, 1));
        Assert.False(_health.IsClean);
        Assert.False(_health.IsRepeatedSuspect(OutcomeKind.RateLimited, 1));
        Assert.True(_health.IsRepeatedSuspect(OutcomeKind.RateLimited, 2));
        _health.Succeeded(_generation);
        Assert.False(_health.IsRepeatedSuspect(OutcomeKind.RateLimited, 3));

        GoOut(OutcomeKind.RateLimited, hint: 3600);
        Assert.Equal((60, 0), (OutFor, StatedFor));
    }

    [Fact]
    public void Reconfigured_ForgetsItsEjection()
    {
        GoOut(OutcomeKind.CredentialRefused);
        _time.Advance(TimeSpan.FromSeconds(20));
        GoOut(OutcomeKind.CredentialRefused);
        Assert.Equal((60, 1), (OutFor, _health.FailedProbes));

        Assert.True(_health.Recover(RecoveryReason.Reconfigured, ++_generation, Now));

        Assert.Equal((long.MinValue, 0), (_health.UnavailableUntil, _health.FailedProbes));
        GoOut(OutcomeKind.CredentialRefused);
        Assert.Equal(10, OutFor);
        Assert.True(_health.Recover(RecoveryReason.Reconfigured, ++_generation, Now));
        GoOut(OutcomeKind.Unreachable);
        Assert.Equal(1, OutFor);
    }

    [Fact]
    public void ReconfiguredWithAStatedTime_IsUnavailableUntilThen()
    {
        GoOut(OutcomeKind.RateLimited, hint: 30);
        GoOut(OutcomeKind.CredentialRefused);

        Assert.False(_health.Recover(RecoveryReason.Reconfigured, ++_generation, Now));

        Assert.Equal((EndpointState.Unavailable, 30, false), (_health.State, OutFor, _health.IsMisconfigured));
        _time.Advance(TimeSpan.FromSeconds(30));
        GoOut(OutcomeKind.CredentialRefused);
        Assert.True(_health.Recover(RecoveryReason.Reconfigured, ++_generation, Now));
    }
}
