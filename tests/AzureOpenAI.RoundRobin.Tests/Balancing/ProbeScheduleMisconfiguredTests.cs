using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>Probes where every endpoint is misconfigured: one call a second asks, each endpoint once.</summary>
public class ProbeScheduleMisconfiguredTests
{
    private readonly BalancerParts _parts = new(["abc"]);

    [Fact]
    public void Misconfigured_OneCallASecond_MayAskEachOnceForATokenEach()
    {
        PickRequest first = _parts.Request();
        EjectAll();

        Assert.Equal("a", _parts.Probes.Misconfigured(first, _parts.Now)?.Name);
        Assert.True(first.MayAskMisconfigured);
        _parts.Pass(0.5);
        first.Failed(_parts['a'], rejected: false, wouldRepeat: false);
        Assert.Equal("b", _parts.Probes.Misconfigured(first, _parts.Now)?.Name);
        first.Failed(_parts['b'], rejected: false, wouldRepeat: false);
        first.Failed(_parts['c'], rejected: false, wouldRepeat: false);
        Assert.Null(_parts.Probes.Misconfigured(first, _parts.Now));

        _parts.Pass(0.4);
        PickRequest second = _parts.Request();
        Assert.Null(_parts.Probes.Misconfigured(second, _parts.Now));
        Assert.False(second.MayAskMisconfigured);
        _parts.Pass(0.1);
        Assert.Equal("a", _parts.Probes.Misconfigured(second, _parts.Now)?.Name);
        Assert.Null(_parts.Probes.Misconfigured(_parts.Request(), _parts.Now));
    }

    [Fact]
    public void Misconfigured_CallHasTriedOneBefore_DelaysTheNextLook()
    {
        PickRequest request = _parts.Request();
        request.Failed(_parts['a'], rejected: false, wouldRepeat: false);
        EjectAll();

        Assert.Null(_parts.Probes.Misconfigured(request, _parts.Now));

        Assert.False(request.MayAskMisconfigured);
        _parts.Pass(0.9);
        Assert.Null(_parts.Probes.Misconfigured(_parts.Request(), _parts.Now));
        _parts.Pass(0.1);
        Assert.NotNull(_parts.Probes.Misconfigured(_parts.Request(), _parts.Now));
    }

    [Fact]
    public void Misconfigured_BudgetIsSpent_IsNone()
    {
        EjectAll();
        _parts.SpendBudget();
        PickRequest request = _parts.Request();

        Assert.Null(_parts.Probes.Misconfigured(request, _parts.Now));
        _parts.Pass(0.1);
        Assert.Equal("a", _parts.Probes.Misconfigured(request, _parts.Now)?.Name);
        Assert.Null(_parts.Probes.Misconfigured(request, _parts.Now));
    }

    [Fact]
    public void Misconfigured_ProbedOrNotBeforeAStatedTime_IsTheNextOne()
    {
        EjectAll();
        _parts['a'].Health.Resource.BeginProbing();
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 5);

        Assert.Equal("c", _parts.Probes.Misconfigured(_parts.Request(), _parts.Now)?.Name);
    }

    private void EjectAll()
    {
        foreach (char name in "abc")
        {
            _parts.Eject(name, OutcomeKind.CredentialRefused);
        }
    }
}
