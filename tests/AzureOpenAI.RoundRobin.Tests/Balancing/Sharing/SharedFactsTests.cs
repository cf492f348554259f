using AzureOpenAI.RoundRobin.Balancing.Sharing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Telemetry;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Sharing;

/// <summary>The numbers of ejections, and which facts are news.</summary>
public sealed class SharedFactsTests
{
    private static readonly Uri Address = new("https://east.openai.azure.com/");
    private static readonly EndpointIds Ids = new(EndpointId.Of(Address, "deployment"), EndpointId.Of(Address, "resource"), Key: null, EndpointId.Of(Address, "pace"));

    private readonly BalancerParts _parts = new(["ab"], setup: (name, plain) => name == 'a' ? plain with { LazyIds = new(Ids) } : plain);
    private readonly InMemoryBackplane _backplane;
    private readonly SharedFacts _facts;

    public SharedFactsTests()
    {
        _backplane = new(_parts.Time);
        _facts = new(_backplane, _parts.Time, Instruments.Of(null), PoolLog.Of(null));
    }

    [Fact]
    public void EachEjection_HasANumber_AndItsRecoveryTheSame()
    {
        Eject(OutcomeKind.Unreachable);
        Recover();
        Eject(OutcomeKind.Failed);
        Recover();
        Recover();

        Assert.Equal(
            [(PoolFactKind.Ejected, 1), (PoolFactKind.Recovered, 1), (PoolFactKind.Ejected, 2), (PoolFactKind.Recovered, 2)], Published().Select(fact => (fact.Kind, fact.Generation)));
        Assert.All(_backplane.Published, fact => Assert.Equal(Ids.Resource, fact.Id));
        Assert.All(_backplane.Published, fact => Assert.True(_facts.IsOwn(fact)));
    }

    [Fact]
    public void PauseOfASecond_AndEndpointWithoutIds_AreNotTold()
    {
        _parts.Eject('a', OutcomeKind.RateLimited, hint: 1.4);
        _facts.Ejected(_parts['a'], _parts['a'].Health.Deployment, _parts.Now);
        _parts.Eject('b', OutcomeKind.Unreachable);
        _facts.Ejected(_parts['b'], _parts['b'].Health.Resource, _parts.Now);
        _facts.Recovered(_parts['b'], _parts['b'].Health.Resource, _parts.Now);
        _parts.Eject('a', OutcomeKind.CredentialRefused);
        _facts.Ejected(_parts['a'], _parts['a'].Health.Resource, _parts.Now);

        Assert.Empty(Published());
    }

    [Theory]
    [InlineData(1.6)]
    [InlineData(20)]
    public void LongerPause_IsTold(double hint)
    {
        _parts.Eject('b', OutcomeKind.RateLimited, hint: hint);
        _facts.Ejected(_parts['b'], _parts['b'].Health.Deployment, _parts.Now);

        Assert.Empty(Published());
        _parts.Eject('a', OutcomeKind.RateLimited, hint: hint);
        _facts.Ejected(_parts['a'], _parts['a'].Health.Deployment, _parts.Now);

        PoolFact fact = Assert.Single(Published());
        Assert.Equal((EndpointFailureReason.RateLimited, hint, true), (fact.Reason, fact.For.TotalSeconds, fact.IsStated));
    }

    [Fact]
    public void PauseThatNobodyStated_IsNotTold_AndOfALongerOneWhatWasStated()
    {
        HealthState health = _parts['a'].Health.Deployment;
        health.EjectUntil(_parts.Time.After(_parts.Now, TimeSpan.FromSeconds(10)), isStated: false, epoch: 1, _parts.Now);
        _facts.Ejected(_parts['a'], health, _parts.Now);
        Assert.Empty(Published());

        health.EjectUntil(_parts.Time.After(_parts.Now, TimeSpan.FromSeconds(20)), isStated: true, epoch: 2, _parts.Now);
        health.EjectUntil(_parts.Time.After(_parts.Now, TimeSpan.FromSeconds(30)), isStated: false, epoch: 3, _parts.Now);
        _facts.Ejected(_parts['a'], health, _parts.Now);

        PoolFact fact = Assert.Single(Published());
        Assert.Equal((20, true), (fact.For.TotalSeconds, fact.IsStated));
    }

    [Fact]
    public void Ejection_NumberedAfterWhatWasHeard()
    {
        Assert.True(_facts.IsNews(Ejected(generation: 6), _parts.Now));
        Eject(OutcomeKind.Unreachable);

        Assert.Equal(7, Published()[^1].Generation);
    }

    [Fact]
    public void RepeatedOrOvertaken_IsNoNews()
    {
        PoolFact first = Ejected(generation: 2);
        Assert.True(_facts.IsNews(first, _parts.Now));
        _facts.Took(first, _parts.Now);

        Assert.False(_facts.IsNews(first, _parts.Now));
        Assert.False(_facts.IsNews(Ejected(generation: 1, seconds: 60), _parts.Now));
        // Two processes found it at once: the later end counts.
        Assert.True(_facts.IsNews(Ejected(generation: 2, seconds: 60), _parts.Now));
        Assert.False(_facts.IsNews(Recovered(generation: 1), _parts.Now));
        Assert.True(_facts.IsNews(Recovered(generation: 2), _parts.Now));
        Assert.False(_facts.IsNews(Recovered(generation: 2), _parts.Now));
        Assert.False(_facts.IsNews(first, _parts.Now));
        Assert.True(_facts.IsNews(Ejected(generation: 3), _parts.Now));
    }

    [Fact]
    public void NotTaken_StaysNews()
    {
        Assert.True(_facts.IsNews(Ejected(generation: 2), _parts.Now));
        Assert.True(_facts.IsNews(Ejected(generation: 2, seconds: 5), _parts.Now));
    }

    [Fact]
    public void RecoveryThatAnotherTold_IsNotToldAgain()
    {
        Eject(OutcomeKind.Unreachable);
        Assert.True(_facts.IsNews(Recovered(generation: 1), _parts.Now));
        Recover();

        Assert.Equal([PoolFactKind.Ejected], Published().Select(fact => fact.Kind));
    }

    [Fact]
    public void OwnSuccess_BeatsFaultsForAMinute_AndNoPause()
    {
        _facts.Recovered(_parts['a'], EjectedFor(OutcomeKind.Unreachable), _parts.Now);

        Assert.False(_facts.IsNews(Ejected(generation: 1), _parts.Now));
        Assert.True(_facts.IsNews(Ejected(generation: 1) with { Reason = EndpointFailureReason.RateLimited }, _parts.Now));
        _parts.Pass(60);
        Assert.True(_facts.IsNews(Ejected(generation: 2), _parts.Now));
    }

    [Fact]
    public void WrongNumber_SilencesAnIdForTenMinutesAtMost()
    {
        Assert.True(_facts.IsNews(Recovered(generation: 1L << 53), _parts.Now));
        Eject(OutcomeKind.Unreachable);
        Assert.False(_facts.IsNews(Ejected(generation: 1), _parts.Now));
        _parts.Pass(601);

        Assert.True(_facts.IsNews(Ejected(generation: 1), _parts.Now));
        Assert.All(Published(), fact => Assert.True(SharedFacts.IsInRange(fact)));
    }

    private static PoolFact Ejected(long generation, double seconds = 10) => new()
    {
        Id = Ids.Resource,
        Kind = PoolFactKind.Ejected,
        Reason = EndpointFailureReason.Unreachable,
        For = TimeSpan.FromSeconds(seconds),
        Generation = generation,
        Source = Guid.Empty,
    };

    private static PoolFact Recovered(long generation) => new() { Id = Ids.Resource, Kind = PoolFactKind.Recovered, Generation = generation, Source = Guid.Empty };

    private HealthState EjectedFor(OutcomeKind kind)
    {
        _parts.Eject('a', kind);
        return _parts['a'].Health.TargetOf(kind);
    }

    private void Eject(OutcomeKind kind) => _facts.Ejected(_parts['a'], EjectedFor(kind), _parts.Now);

    private void Recover() => _facts.Recovered(_parts['a'], _parts['a'].Health.Resource, _parts.Now);

    private PoolFact[] Published()
    {
        _facts.Publish();
        return _backplane.Published;
    }
}
