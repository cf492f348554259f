using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints;

/// <summary>How the condition of one target moves, outcome by outcome. What calls and streams see of it is in the tests of cooldowns and returns.</summary>
public class HealthTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly Health _health;
    private int _generation;

    public HealthTests() => _health = new(_time, () => 0);

    [Fact]
    public void New_IsFitAndClean()
    {
        Assert.Equal((Condition.Fit, true, true, true), (_health.Condition, _health.IsClean, _health.IsOpen, _health.HasPermit));
        Assert.Equal((0, 0, false, false), (_health.StruckAt, _health.FailedProbes, _health.NeedsCompletion, _health.IsMisconfigured));
    }

    [Theory]
    [InlineData("RateLimited", 2)]
    [InlineData("Unreachable", 8)]
    [InlineData("Broken", 4)]
    [InlineData("Missing", 4)]
    [InlineData("Cut", 4)]
    public void AReturn_OpensAsMuchAsItsReasonAllows(string reason, int open)
    {
        GoOut(Enum.Parse<OutcomeKind>(reason));
        Assert.Equal((Condition.Out, false, false), (_health.Condition, _health.IsOpen, _health.HasPermit));

        _health.BeginProbing();
        Assert.Equal((Condition.Probing, false), (_health.Condition, _health.IsOpen));
        Assert.Equal(1, Permits());
        _health.Admit(Now);

        Assert.Equal((Condition.Returning, true), (_health.Condition, _health.IsOpen));
        Assert.Equal(open, Permits());
    }

    [Fact]
    public void APermit_ThatIsReturned_IsFreeForAnother()
    {
        GoOut(OutcomeKind.Unreachable);
        _health.BeginProbing();
        _health.TakePermit(Now);
        Assert.False(_health.HasPermit);

        _health.ReturnPermit();

        Assert.Equal(1, Permits());
        _health.BeginProbing();
        Assert.Equal(1, Permits());
    }

    [Fact]
    public void APermit_ThatIsTakenBesideThoseAllowed_IsAllowedToo()
    {
        GoOut(OutcomeKind.RateLimited);
        _health.BeginProbing();
        Assert.True(_health.TakePermit(Now));
        Assert.True(_health.TakePermit(Now));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_health.TakePermit(Now));
        Assert.Equal((false, Now), (_health.HasPermit, _health.ProbeBeganAt));

        _health.Admit(Now);

        // One more for the one that was admitted, and its own place. The other two may wait for ever.
        Assert.Equal(2, Permits());
    }

    [Fact]
    public void APermit_OfOneThatIsFit_IsNone()
    {
        Assert.False(_health.TakePermit(Now));
        Assert.Equal((true, long.MinValue), (_health.HasPermit, _health.ProbeBeganAt));
    }

    [Fact]
    public void TryBecomeFit_NeedsSixteenAdmittedAtOnce()
    {
        Assert.False(_health.TryBecomeFit());
        GoOut(OutcomeKind.RateLimited);
        Assert.False(_health.TryBecomeFit());
        _health.BeginProbing();
        Assert.False(_health.TryBecomeFit());

        for (int admitted = 1; admitted < 15; admitted++)
        {
            _health.TakePermit(Now);
            _health.Admit(Now);
            Assert.False(_health.TryBecomeFit());
        }

        _health.TakePermit(Now);
        _health.Admit(Now);
        Assert.True(_health.TryBecomeFit());
        Assert.Equal((Condition.Fit, true), (_health.Condition, _health.IsClean));
        Assert.False(_health.TryBecomeFit());
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
    public void FitAgain_ItIsCleanOnlyIfNothingIsLeftToTakeBack(string left, string way, bool clean)
    {
        switch (left)
        {
            case "a fault":
                Assert.False(Fail(OutcomeKind.Fault));
                break;
            case "a slow answer":
                Assert.False(Fail(OutcomeKind.Slow));
                break;
            case "a suspect":
                Assert.False(_health.Suspects(7));
                break;
        }

        GoOut(way == "mended" ? OutcomeKind.Missing : OutcomeKind.Unreachable);
        Assert.False(_health.IsClean);
        switch (way)
        {
            case "mended":
                Assert.True(_health.TryMend(++_generation, Now));
                break;
            case "reopened":
                _health.Reopen(Now);
                break;
            default:
                _health.BeginProbing();
                for (int i = 0; i < 3; i++)
                {
                    _health.TakePermit(Now);
                    _health.Admit(Now);
                }

                Assert.True(_health.TryBecomeFit());
                break;
        }

        Assert.Equal((Condition.Fit, clean), (_health.Condition, _health.IsClean));
        _health.Succeeded();
        Assert.True(_health.IsClean);
    }

    [Theory]
    [InlineData("Fault")]
    [InlineData("Broken")]
    [InlineData("Slow")]
    public void TheFirstOfItsKind_IsForgiven_UntilASecondWithoutASuccess(string kind)
    {
        OutcomeKind outcome = Enum.Parse<OutcomeKind>(kind);
        Assert.False(Fail(outcome));
        Assert.Equal((Condition.Fit, false), (_health.Condition, _health.IsClean));
        _health.Succeeded();
        Assert.True(_health.IsClean);
        Assert.False(Fail(outcome));

        Assert.True(Fail(outcome));

        Assert.Equal((Condition.Out, outcome), (_health.Condition, _health.Reason));
        _health.Succeeded();
        Assert.False(_health.IsClean);
    }

    [Fact]
    public void TheFirst_OnProbationOrWithATime_TakesItOut()
    {
        Assert.True(Fail(OutcomeKind.Fault, onProbation: true));
        Assert.Equal(1, OutFor);
        _health.Reopen(Now);
        _health.Succeeded();

        Assert.True(Fail(OutcomeKind.Fault, hint: 3));
        Assert.Equal((3, 3), (OutFor, StatedFor));
    }

    [Fact]
    public void TheTimeOut_AlsoThatBeforeAReturn_MakesTheNextLonger()
    {
        GoOut(OutcomeKind.Unreachable);
        _time.Advance(TimeSpan.FromSeconds(8));
        PassAProbe();
        GoOut(OutcomeKind.Unreachable);
        Assert.Equal(2, OutFor);

        _time.Advance(TimeSpan.FromSeconds(8));
        _health.Reopen(Now);
        GoOut(OutcomeKind.Unreachable);
        Assert.Equal(4, OutFor);

        _time.Advance(TimeSpan.FromSeconds(8));
        GoOut(OutcomeKind.Unreachable);
        Assert.Equal(6, OutFor);
    }

    [Fact]
    public void FailedProbes_AreThoseThatItFailedWhileOut()
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
        _health.Reopen(Now);
        Assert.Equal(0, _health.FailedProbes);
    }

    [Fact]
    public void FailedProbes_AreAtLeastTheErrorsInARow()
    {
        _health.Endured();
        _health.Endured();
        _health.Endured();

        Assert.True(Fail(OutcomeKind.Fault));

        Assert.Equal(3, _health.FailedProbes);
    }

    [Fact]
    public void Growth_IsForgottenStepByStep_FromTheEndOfTheCooldown()
    {
        GoOut(OutcomeKind.RateLimited);
        GoOut(OutcomeKind.RateLimited);
        GoOut(OutcomeKind.RateLimited);
        Assert.Equal(4, OutFor);

        _time.Advance(TimeSpan.FromSeconds(4 + 59));
        _health.Reopen(Now);
        GoOut(OutcomeKind.RateLimited);
        Assert.Equal(4, OutFor);

        _time.Advance(TimeSpan.FromDays(400));
        _health.Reopen(Now);
        GoOut(OutcomeKind.RateLimited);
        Assert.Equal(1, OutFor);
        GoOut(OutcomeKind.Unreachable);
        Assert.Equal(1, OutFor);
    }

    [Fact]
    public void Growth_OfOneKind_IsNotThatOfAnother()
    {
        GoOut(OutcomeKind.RateLimited);
        GoOut(OutcomeKind.RateLimited);

        GoOut(OutcomeKind.Cut);

        Assert.Equal(2, OutFor);
    }

    [Fact]
    public void AStatedTime_IsNotShortenedByALaterOne()
    {
        GoOut(OutcomeKind.RateLimited, hint: 20);
        GoOut(OutcomeKind.RateLimited, hint: 5);
        Assert.Equal((20, 20), (OutFor, StatedFor));
        GoOut(OutcomeKind.RateLimited);
        Assert.Equal((20, 20), (OutFor, StatedFor));
        _health.Rest(Now + _time.TimestampFrequency, ++_generation, Now);
        Assert.Equal((20, 20), (OutFor, StatedFor));
        _health.Rest(Now + (30 * _time.TimestampFrequency), ++_generation, Now);
        Assert.Equal((30, 30), (OutFor, StatedFor));
        Assert.Equal((OutcomeKind.RateLimited, Condition.Out, _generation), (_health.Reason, _health.Condition, _health.StruckAt));
    }

    [Fact]
    public void ALateFailure_HoldsOnlyByATimeThatItStates()
    {
        Assert.False(FailLate(hint: null));
        Assert.Equal((Condition.Fit, 0), (_health.Condition, _health.StruckAt));

        Assert.True(FailLate(hint: 5));
        Assert.Equal((Condition.Out, _generation, 5, 5), (_health.Condition, _health.StruckAt, OutFor, StatedFor));
        int struckAt = _generation;

        Assert.False(FailLate(hint: 9));
        Assert.Equal((struckAt, 9, 9), (_health.StruckAt, OutFor, StatedFor));
        Assert.False(FailLate(hint: 2));
        Assert.Equal((9, 9), (OutFor, StatedFor));

        GoOut(OutcomeKind.Unreachable);
        _time.Advance(TimeSpan.FromSeconds(9));
        GoOut(OutcomeKind.Slow, cost: 10);
        Assert.False(FailLate(hint: 3));
        Assert.Equal((40, 3), (OutFor, StatedFor));
    }

    [Fact]
    public void ASuspect_IsBelievedOnceADifferentRequestIsToldTheSame()
    {
        Assert.False(_health.Suspects(1));
        Assert.False(_health.IsClean);
        Assert.False(_health.Suspects(1));
        Assert.True(_health.Suspects(2));
        _health.Succeeded();
        Assert.False(_health.Suspects(3));

        GoOut(OutcomeKind.RateLimited, hint: 3600);
        Assert.Equal((60, 0), (OutFor, StatedFor));
    }

    [Theory]
    [InlineData("Fault", true)]
    [InlineData("Broken", true)]
    [InlineData("Unreachable", false)]
    [InlineData("Credential", false)]
    public void IsPartlyWell_WhileItsErrorsAreFewerThanTen(string reason, bool expected)
    {
        Assert.True(_health.IsPartlyWell);
        OutcomeKind kind = Enum.Parse<OutcomeKind>(reason);
        if (!Fail(kind))
        {
            Assert.True(Fail(kind));
        }

        Assert.Equal(expected, _health.IsPartlyWell);
        _health.Reopen(Now);
        _health.Succeeded();
        for (int i = 0; i < 9; i++)
        {
            _health.Endured();
            Assert.Equal((false, true), (_health.IsClean, _health.IsPartlyWell));
        }

        _health.Endured();
        Assert.False(_health.IsPartlyWell);
    }

    [Theory]
    [InlineData("RateLimited", false, 0)]
    [InlineData("Unreachable", false, 7)]
    [InlineData("Slow", true, 7)]
    [InlineData("Silent", true, 7)]
    [InlineData("Cut", true, 7)]
    [InlineData("Broken", false, 7)]
    public void AReturn_NeedsACompletedAnswer_WhereItHungOrCut(string reason, bool expected, double took)
    {
        OutcomeKind kind = Enum.Parse<OutcomeKind>(reason);
        Assert.True(Fail(kind, cost: 7, onProbation: true));

        Assert.Equal((expected, TimeSpan.FromSeconds(took), Now), (_health.NeedsCompletion, _health.LastFaultTook, _health.LastFailedAt));
        Assert.Equal(Now - (long)(took * _time.TimestampFrequency), _health.LastFaultBeganAt);
        _health.BeginProbing();
        _health.TakePermit(Now);
        Assert.Equal(expected, _health.NeedsCompletion);
        _health.Admit(Now);
        Assert.Equal((false, TimeSpan.Zero), (_health.NeedsCompletion, _health.LastFaultTook));
        GoOut(OutcomeKind.Unreachable);
        Assert.False(_health.NeedsCompletion);
    }

    [Theory]
    [InlineData("Credential", true)]
    [InlineData("Missing", true)]
    [InlineData("RateLimited", false)]
    public void IsMisconfigured_UntilItIsAdmittedOrMended(string reason, bool expected)
    {
        OutcomeKind kind = Enum.Parse<OutcomeKind>(reason);
        GoOut(kind);
        Assert.Equal(expected, _health.IsMisconfigured);
        _health.BeginProbing();
        Assert.Equal(expected, _health.IsMisconfigured);
        GoOut(kind);

        Assert.Equal(expected, _health.TryMend(++_generation, Now));

        Assert.Equal(expected ? Condition.Fit : Condition.Out, _health.Condition);
        Assert.Equal(expected ? _generation : _generation - 1, _health.StruckAt);
        Assert.False(_health.IsMisconfigured);
        Assert.False(_health.TryMend(++_generation, Now));
    }

    [Fact]
    public void Mended_WhatItHasBeenOutForIsForgotten()
    {
        GoOut(OutcomeKind.Credential);
        _time.Advance(TimeSpan.FromSeconds(20));
        GoOut(OutcomeKind.Credential);
        Assert.Equal((60, 1), (OutFor, _health.FailedProbes));

        Assert.True(_health.TryMend(++_generation, Now));

        Assert.Equal((long.MinValue, 0), (_health.OutUntil, _health.FailedProbes));
        GoOut(OutcomeKind.Credential);
        Assert.Equal(10, OutFor);
        Assert.True(_health.TryMend(++_generation, Now));
        GoOut(OutcomeKind.Unreachable);
        Assert.Equal(1, OutFor);
    }

    [Fact]
    public void Mended_ButATimeIsNamedBesides_IsOutUntilThat()
    {
        GoOut(OutcomeKind.RateLimited, hint: 30);
        GoOut(OutcomeKind.Credential);

        Assert.False(_health.TryMend(++_generation, Now));

        Assert.Equal((Condition.Out, 30, false), (_health.Condition, OutFor, _health.IsMisconfigured));
        _time.Advance(TimeSpan.FromSeconds(30));
        GoOut(OutcomeKind.Credential);
        Assert.True(_health.TryMend(++_generation, Now));
    }

    [Theory]
    [InlineData("Silent", 4)]
    [InlineData("Slow", 0)]
    [InlineData("Unreachable", 0)]
    public void ASignOfLife_OpensOneThatWasTakenForSilent(string reason, int open)
    {
        GoOut(Enum.Parse<OutcomeKind>(reason), onProbation: true);
        _time.Advance(TimeSpan.FromSeconds(2));

        _health.Revive(Now);

        Assert.Equal(open > 0 ? Condition.Returning : Condition.Out, _health.Condition);
        Assert.Equal(open, Permits());
        Assert.Equal(reason == "Slow", _health.NeedsCompletion);
    }

    [Fact]
    public void ASignOfLife_WhileItIsProbed_OpensItToo_AndNothingOnceItIsBack()
    {
        GoOut(OutcomeKind.Silent);
        _health.BeginProbing();
        _health.TakePermit(Now);

        _health.Revive(Now);
        Assert.Equal((Condition.Returning, 4), (_health.Condition, Permits()));

        _health.Revive(Now);
        Assert.Equal(0, Permits());
        _health.Reopen(Now);
        _health.Revive(Now);
        Assert.Equal(Condition.Fit, _health.Condition);
    }

    [Fact]
    public void ASignOfLife_DoesNotBreakAStatedTime()
    {
        GoOut(OutcomeKind.RateLimited, hint: 5);
        GoOut(OutcomeKind.Silent);
        _time.Advance(TimeSpan.FromSeconds(4.999));
        _health.Revive(Now);
        Assert.Equal(Condition.Out, _health.Condition);

        _time.Advance(TimeSpan.FromSeconds(0.001));
        _health.Revive(Now);

        Assert.Equal(Condition.Returning, _health.Condition);
    }

    private long Now => _time.GetTimestamp();

    private double OutFor => _time.Until(Now, _health.OutUntil).TotalSeconds;

    private double StatedFor => _time.Until(Now, _health.StatedUntil).TotalSeconds;

    private bool Fail(OutcomeKind kind, double? hint = null, double cost = 0, bool onProbation = false) =>
        _health.Failed(OutcomeOf(kind, hint), TimeSpan.FromSeconds(cost), onProbation, Now, ++_generation);

    private void GoOut(OutcomeKind kind, double? hint = null, double cost = 0, bool onProbation = true)
    {
        Assert.True(Fail(kind, hint, cost, onProbation));
        Assert.Equal((Condition.Out, kind, _generation, Now), (_health.Condition, _health.Reason, _health.StruckAt, _health.LastFailedAt));
    }

    private void PassAProbe()
    {
        _health.BeginProbing();
        _health.TakePermit(Now);
        _health.Admit(Now);
    }

    private bool FailLate(double? hint) => _health.FailedLate(OutcomeOf(OutcomeKind.RateLimited, hint), Now, ++_generation);

    private static AttemptOutcome OutcomeOf(OutcomeKind kind, double? hint) =>
        new(kind, new InvalidOperationException(), hint: hint is { } seconds ? TimeSpan.FromSeconds(seconds) : null);

    /// <summary>How many calls it takes at once. Takes them all.</summary>
    private int Permits()
    {
        int permits = 0;
        for (; _health.HasPermit && permits < 100; permits++)
        {
            _health.TakePermit(Now);
        }

        return permits;
    }
}
