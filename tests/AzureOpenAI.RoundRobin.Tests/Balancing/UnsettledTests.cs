using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>What the next settlement looks at.</summary>
public class UnsettledTests
{
    private readonly BalancerParts _parts = new(["ab", "a", "c"], shared: "ab");

    private Unsettled Unsettled => _parts.State.Unsettled;

    public UnsettledTests()
    {
        Unsettled.Rebuild();
        Unsettled.Settled();
    }

    [Fact]
    public void ToPlan_NothingHasChanged_IsEmpty() => Assert.Empty(Unsettled.ToPlan());

    [Fact]
    public void ToPlan_StateOfOneEndpoint_IsThePickersOfItsModels()
    {
        _parts.Eject('c', OutcomeKind.RateLimited, hint: 1);

        Assert.Equal([_parts.Pickers[2]], Unsettled.ToPlan());
        Assert.Equal([_parts['c']], Unsettled.Touched);
    }

    [Fact]
    public void ToPlan_StateOfAResource_IsThePickersOfAllItsDeployments()
    {
        _parts.Eject('b', OutcomeKind.Unreachable);

        Assert.Equal([_parts.Pickers[0], _parts.Pickers[1]], Unsettled.ToPlan().OrderBy(static picker => picker.Place));
        Assert.Equal([_parts['a'], _parts['b']], Unsettled.Touched);
    }

    /// <summary>What changes after the rotations were built is built by the next settlement.</summary>
    [Fact]
    public void Settled_ChangeAfterRebuild_IsKept()
    {
        _parts.Eject('c', OutcomeKind.RateLimited, hint: 1);
        Unsettled.Rebuild();
        Unsettled.Changed(_parts['a']);
        Unsettled.Settled();

        Assert.Equal([_parts.Pickers[0], _parts.Pickers[1]], Unsettled.ToPlan().OrderBy(static picker => picker.Place));
    }

    [Fact]
    public void Due_CooldownsEnd_TheSoonestFirst()
    {
        _parts.Eject('a', OutcomeKind.RateLimited, hint: 3);
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 1);
        _parts.Eject('c', OutcomeKind.RateLimited, hint: 2);
        Assert.Equal((null, _parts.In(1)), (Unsettled.Due(_parts.Now), Unsettled.NextDue));

        _parts.Pass(2);
        string order = "";
        while (Unsettled.Due(_parts.Now) is { } health)
        {
            order += "abc".Single(name => _parts[name].Health.Deployment == health);
            health.BeginProbing();
        }

        Assert.Equal(("bc", _parts.In(1)), (order, Unsettled.NextDue));
    }

    [Fact]
    public void NextDue_CooldownIsLonger_Follows()
    {
        _parts.Eject('a', OutcomeKind.RateLimited, hint: 1);
        _parts.Eject('c', OutcomeKind.RateLimited, hint: 2);
        _parts['a'].Health.Deployment.FailedLate(BalancerParts.OutcomeOf(OutcomeKind.RateLimited, 5), _parts.Now, 0);

        Assert.Equal(_parts.In(2), Unsettled.NextDue);
    }

    [Fact]
    public void Queue_InAnyOrder_IsInThatOfThePickers()
    {
        foreach (int place in (int[])[2, 0, 1, 0])
        {
            Unsettled.Queue(_parts.Pickers[place]);
        }

        Assert.Equal(_parts.Pickers, Unsettled.Queued);
        _parts.Enqueue(_parts.Request(picker: _parts.Pickers[1]));
        Unsettled.Planned();
        Assert.Equal([_parts.Pickers[1]], Unsettled.Queued);
    }

    [Fact]
    public void HasStalled_CallsWaitThere_UntilItIsAvailable()
    {
        _parts.Eject('a', OutcomeKind.Stalled);
        Assert.False(Unsettled.HasStalled);
        _parts.Begin('a');
        Assert.True(Unsettled.HasStalled);

        _parts['a'].Health.Deployment.BeginProbing();
        Assert.True(Unsettled.HasStalled);
        _parts['a'].Health.Deployment.Admit(_parts.Now);
        Assert.False(Unsettled.HasStalled);
    }
}
