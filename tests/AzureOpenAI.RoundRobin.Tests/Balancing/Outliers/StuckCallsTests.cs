using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Outliers;

/// <summary>Which attempts at a stalled endpoint are relocated, and when.</summary>
public class StuckCallsTests
{
    private readonly BalancerParts _parts = new(["ab"]);
    private readonly StuckCalls _stuck;
    private long _next;

    public StuckCallsTests()
    {
        _stuck = new(_parts.Time, _parts.InFlight, _parts.Budget, _parts.State.CallsBegun);
        _parts.InFlight.Ages.Add(TimeSpan.FromSeconds(1), _parts.Now);
    }

    [Fact]
    public void ClaimDue_NoEndpointHasStalled_IsNoneAndNever()
    {
        Waiting('a');
        _parts.Pass(60);

        Assert.Empty(Claim());

        Assert.Equal(long.MaxValue, _next);
    }

    [Theory]
    [InlineData("TimedOut")]
    [InlineData("RateLimited")]
    public void ClaimDue_UnavailableForSomethingElse_IsNone(string reason)
    {
        Waiting('a');
        _parts.Eject('a', Enum.Parse<OutcomeKind>(reason));
        _parts.Pass(60);

        Assert.Empty(Claim());
    }

    [Fact]
    public void ClaimDue_NoCallIsLeftAtTheStalledEndpoint_IsNever()
    {
        _parts.Eject('a', OutcomeKind.Stalled);
        Waiting('b');
        _parts.Pass(60);

        Assert.Empty(Claim());

        Assert.Equal(long.MaxValue, _next);
    }

    [Fact]
    public void ClaimDue_WaitedTwiceAsLongAsTheLongestAnswer_IsClaimed()
    {
        Attempt attempt = Waiting('a');
        _parts.Pass(1.9);
        Stall();
        Assert.Empty(Claim());
        Assert.Equal(_parts.In(0.1), _next);
        _parts.Pass(0.1);

        Assert.Equal([attempt], Claim());

        Assert.Equal((true, _parts.In(0.25)), (attempt.IsRelocated, _next));
        Assert.Empty(Claim());
    }

    [Fact]
    public void ClaimDue_NextIsDueLaterThanTheSpacing_LooksAgainAfterIt()
    {
        Waiting('a');
        Stall();

        Assert.Empty(Claim());

        Assert.Equal(_parts.In(0.25), _next);
    }

    [Fact]
    public void ClaimDue_Several_AreClaimedOldestFirstWhileTheBudgetLasts()
    {
        Attempt[] attempts = [.. Enumerable.Range(0, 12).Select(_ =>
        {
            _parts.Pass(0.01);
            return Waiting('a');
        })];
        Stall();
        _parts.Pass(2);

        Assert.Equal(attempts[..10], Claim());

        Assert.Equal(_parts.Time.After(_parts.In(0.1), TimeSpan.FromMilliseconds(1)), _next);
        _parts.Time.Advance(TimeSpan.FromMilliseconds(101));
        Assert.Equal([attempts[10]], Claim());
    }

    [Fact]
    public void ClaimDue_OldestIsDue_LeavesThoseThatAreNot()
    {
        Attempt old = Waiting('a');
        _parts.Pass(0.1);
        Waiting('a');
        _parts.Pass(1.9);
        Stall();

        Assert.Equal([old], Claim());

        Assert.Equal(_parts.In(0.1), _next);
    }

    [Fact]
    public void ClaimDue_OtherEndpointOrContentHasComeOrNotStarted_IsLeft()
    {
        Waiting('b');
        Waiting('a').CanRelocate = false;
        Waiting('a').StartedAt = 0;
        Attempt idle = Waiting('b');
        _parts.InFlight.End(idle);
        Stall();
        _parts.Pass(60);

        Assert.Empty(Claim());
    }

    [Fact]
    public void ClaimDue_Probed_IsClaimedAndRecoveringIsNot()
    {
        Attempt first = Waiting('a');
        Stall();
        _parts['a'].Health.Deployment.BeginProbing();
        _parts.Pass(2);
        Assert.Equal([first], Claim());

        Waiting('a');
        _parts['a'].Health.Deployment.Acquire(_parts.Now);
        _parts['a'].Health.Deployment.Admit(_parts.Now);
        _parts.Pass(60);

        Assert.Empty(Claim());
    }

    [Fact]
    public void ClaimDue_StalledEndpointHasLeft_IsClaimedAllTheSame()
    {
        BalancerParts others = new(["c"]);
        Attempt attempt = Waiting('a');
        Stall();
        _parts.InFlight.Retire([_parts['a']]);
        _parts.Pass(2);

        Assert.Equal([attempt], _stuck.ClaimDue(others.State.Unsettled, _parts.Now));
    }

    private IReadOnlyList<Attempt> Claim()
    {
        IReadOnlyList<Attempt> claimed = _stuck.ClaimDue(_parts.State.Unsettled, _parts.Now);
        _next = _stuck.NextAt(_parts.State.Unsettled, _parts.Now);
        return claimed;
    }

    [Fact]
    public void NextAt_CallIsDue_ClaimsNobodyAndSpendsNothing()
    {
        Attempt[] attempts = [.. Enumerable.Range(0, 10).Select(_ => Waiting('a'))];
        Stall();
        _parts.Pass(2);

        for (int i = 0; i < 20; i++)
        {
            Assert.True(_stuck.NextAt(_parts.State.Unsettled, _parts.Now) <= _parts.In(0.001));
        }

        Assert.All(attempts, static attempt => Assert.False(attempt.IsRelocated));
        Assert.Equal(attempts, Claim());
    }

    private void Stall() => _parts.Eject('a', OutcomeKind.Stalled);

    /// <summary>A call that waits for its answer, and may be made elsewhere.</summary>
    private Attempt Waiting(char name)
    {
        Attempt attempt = _parts.Begin(name);
        attempt.CanRelocate = true;
        attempt.Await(_parts.Now, TimeSpan.FromHours(1));
        return attempt;
    }
}
