using AzureOpenAI.RoundRobin.Redis.Facts;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Facts;

public sealed class ToldFactsTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly ToldFacts _facts;

    public ToldFactsTests() => _facts = new(_time);

    [Fact]
    public void IsPendingUntilTaken_WithTheTimeThatIsLeft()
    {
        _facts.Add(Facts.Found("a", 1, 20));
        _time.Advance(TimeSpan.FromSeconds(5));
        PoolFact pending = Assert.Single(_facts.Pending());
        Assert.Equal(Facts.Found("a", 1, 15), pending);

        _facts.Taken(pending);
        Assert.Empty(_facts.Pending());
    }

    [Fact]
    public void LatestOfAnId_IsTold()
    {
        _facts.Add(Facts.Found("a", 1, 20));
        PoolFact first = Assert.Single(_facts.Pending());
        _facts.Add(Facts.Back("a", 1));
        _facts.Taken(first);

        Assert.Equal(PoolFactKind.Recovered, Assert.Single(_facts.Pending()).Kind);
    }

    [Fact]
    public void WhatHasEnded_IsNotTold()
    {
        _facts.Add(Facts.Found("a", 1, 20));
        _facts.Add(Facts.Back("b", 1));
        _time.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(Facts.Id("b"), Assert.Single(_facts.Pending()).Id);
        _time.Advance(TimeSpan.FromMinutes(5));

        Assert.Empty(_facts.Pending());
    }

    [Fact]
    public void WhatTheServerHasLost_IsToldAgain_WhileItIsWorthIt()
    {
        _facts.Add(Facts.Found("a", 1, 60));
        _facts.Add(Facts.Found("b", 1, 14));
        _facts.Add(Facts.Found("c", 1, 60));
        Array.ForEach(_facts.Pending(), fact => _facts.Taken(fact));
        _time.Advance(TimeSpan.FromSeconds(10));
        _facts.Compare(new Dictionary<EndpointId, FactRecord> { [Facts.Id("c")] = Facts.Ejected("c", 1, 9000) with { Source = Facts.Own } });

        Assert.Equal(Facts.Found("a", 1, 50), Assert.Single(_facts.Pending()));
    }

    [Fact]
    public void WhatOthersHaveSeenRecover_IsDropped()
    {
        _facts.Add(Facts.Found("a", 1, 60));
        _facts.Add(Facts.Found("b", 1, 60));
        _facts.Add(Facts.Back("c", 1));
        _facts.Compare(new Dictionary<EndpointId, FactRecord>
        {
            [Facts.Id("a")] = Facts.Recovered("a", 1, 1),
            [Facts.Id("b")] = Facts.Ejected("b", 1, 1),
            [Facts.Id("c")] = Facts.Recovered("c", 0, 1),
        });

        Assert.Equal([Facts.Id("b"), Facts.Id("c")], _facts.Pending().Select(static fact => fact.Id));
    }

    [Fact]
    public void IsBounded()
    {
        for (int i = 0; i < 2000; i++)
        {
            _facts.Add(Facts.Found($"i{i}", 1, 60));
        }

        Assert.Equal(512, _facts.Pending().Length);
    }
}
