using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints;

/// <summary>Ejection and recovery of one target, outcome by outcome. What calls and streams see of it is in Rules/.</summary>
public class HealthTests : HealthFixture
{
    [Fact]
    public void New_IsHealthyAndClean()
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
    public void Recovery_AllowsAsMuchAsItsReasonPermits(string reason, int open)
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
    public void Permit_Released_CanBeAcquiredAgain()
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
    public void Permit_AcquiredBeyondThoseAllowed_IsAllowed()
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
    public void Permit_OfAHealthyOne_IsNone()
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
    public void HealthyAgain_IsCleanOnlyWithoutFailuresToClear(string left, string way, bool clean)
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
    [InlineData("RateLimited", false, 0)]
    [InlineData("Unreachable", false, 7)]
    [InlineData("Slow", true, 7)]
    [InlineData("Silent", true, 7)]
    [InlineData("Cut", true, 7)]
    [InlineData("Broken", false, 7)]
    public void Recovery_AfterTimeoutsOrCuts_NeedsACompletedAnswer(string reason, bool expected, double took)
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
    [InlineData("Credential", true)]
    [InlineData("Missing", true)]
    [InlineData("RateLimited", false)]
    public void IsMisconfigured_UntilAdmittedOrReconfigured(string reason, bool expected)
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

    [Theory]
    [InlineData("Silent", 4)]
    [InlineData("Slow", 0)]
    [InlineData("Unreachable", 0)]
    public void Progress_OfAStalledOne_MakesItAvailable(string reason, int open)
    {
        GoOut(Enum.Parse<OutcomeKind>(reason), onProbation: true);
        _time.Advance(TimeSpan.FromSeconds(2));

        _health.Revive(Now);

        Assert.Equal(open > 0 ? Condition.Returning : Condition.Out, _health.Condition);
        Assert.Equal(open, Permits());
        Assert.Equal(reason == "Slow", _health.NeedsCompletion);
    }

    [Fact]
    public void Progress_WhileProbing_MakesItAvailable_AndDoesNothingAfterwards()
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
    public void Progress_BeforeAStatedTime_ChangesNothing()
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
}
