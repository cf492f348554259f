using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>Probes that the first call of a queue forces: never before a stated time, four a second, and of the only endpoint ever more seldom.</summary>
public class ProbeScheduleForcedTests
{
    private readonly BalancerParts _parts = new(["abc"]);

    private long NextAt => _parts.Probes.NextForcedAt(_parts.Picker, _parts.Now);

    private string? Forced => _parts.Probes.Forced(_parts.Picker, _parts.Now)?.Name;

    [Fact]
    public void Forced_HealthyOrRecovering_IsNone()
    {
        _parts.EjectAndRecover('a', OutcomeKind.RateLimited);

        Assert.Equal((null, long.MaxValue), (Forced, NextAt));
    }

    [Fact]
    public void Forced_Unavailable_IsAtOnceAndThenFourTimesASecond()
    {
        _parts.Eject('b', OutcomeKind.Unreachable);
        Assert.Equal((_parts.Now, "b"), (NextAt, Forced));
        Assert.Equal((_parts.In(0.25), null), (NextAt, Forced));
        _parts.Pass(0.2);
        Assert.Equal((_parts.In(0.05), null), (NextAt, Forced));
        _parts.Pass(0.05);

        Assert.Equal((_parts.Now, "b"), (NextAt, Forced));
        Assert.Equal(_parts.In(0.25), NextAt);
    }

    [Fact]
    public void Forced_Several_IsTheOneThatHasNotFailedForLongest()
    {
        _parts.Eject('b', OutcomeKind.Unreachable);
        _parts.Pass(1);
        _parts.Eject('c', OutcomeKind.Unreachable);
        _parts.Eject('a', OutcomeKind.Unreachable);
        Assert.Equal("b", Forced);

        _parts.Pass(1);
        _parts.Eject('b', OutcomeKind.Unreachable);

        Assert.Equal("a", Forced);
    }

    [Fact]
    public void Forced_TimeIsStated_IsNotBeforeIt()
    {
        _parts.Eject('a', OutcomeKind.RateLimited, hint: 3);
        Assert.Equal((_parts.In(3), null), (NextAt, Forced));
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 2);
        Assert.Equal((_parts.In(2), null), (NextAt, Forced));
        _parts.Pass(2);

        Assert.Equal((_parts.Now, "b"), (NextAt, Forced));
        Assert.Equal(_parts.In(0.25), NextAt);
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 5);
        Assert.Equal(_parts.In(1), NextAt);
    }

    [Fact]
    public void Forced_PauseThatNobodyStated_IsNotBeforeItsEnd()
    {
        _parts['a'].Capacity.Rejected(_parts.Now, _parts.Now, stated: null, taken: 2);
        _parts['a'].Health.Deployment.EjectUntil(_parts['a'].Capacity.PausedUntil, isStated: false, _parts.State.NextEpoch(), _parts.Now);
        _parts.Rebuild();
        Assert.Equal((_parts.In(0.5), null), (NextAt, Forced));
        _parts.Pass(0.5);

        Assert.Equal((_parts.Now, "a"), (NextAt, Forced));
    }

    [Fact]
    public void Forced_ProbeRuns_IsFollowedByAnotherAfterTenSeconds()
    {
        _parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        Assert.Equal((long.MaxValue, null), (NextAt, Forced));

        _parts.Begin('a');
        Assert.Equal((_parts.In(10), null), (NextAt, Forced));
        _parts.Pass(10);

        Assert.Equal((_parts.Now, "a"), (NextAt, Forced));
    }

    [Fact]
    public void Forced_ProbeHasEndedWithoutAVerdict_IsForTheNextCallToMake()
    {
        _parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        _parts.Outcomes.ReleasePermit(_parts.Begin('a'));

        Assert.Equal((long.MaxValue, null), (NextAt, Forced));
    }

    [Fact]
    public void Forced_ProbeHasRunForTenSeconds_KeepsTheSpacing()
    {
        _parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        _parts.Begin('a');
        _parts.Pass(9.9);
        _parts.Eject('b', OutcomeKind.Unreachable);
        Assert.Equal("b", Forced);
        _parts.EjectAndProbe('b', OutcomeKind.Unreachable);

        Assert.Equal(_parts.In(0.25), NextAt);
    }

    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 4)]
    [InlineData(4, 4)]
    [InlineData(40, 4)]
    public void Forced_OnlyEndpoint_IsSpacedByItsFailedProbes(int failedProbes, double spacing)
    {
        BalancerParts parts = new(["a"]);
        for (int i = 0; i <= failedProbes; i++)
        {
            parts.Eject('a', OutcomeKind.Unreachable);
        }

        Assert.Equal(parts.In(spacing), parts.Probes.NextForcedAt(parts.Picker, parts.Now));
        Assert.Null(parts.Probes.Forced(parts.Picker, parts.In(spacing) - 1));
        Assert.Equal("a", parts.Probes.Forced(parts.Picker, parts.In(spacing))?.Name);
    }

    [Fact]
    public void Forced_OnlyEndpoint_IsSpacedFromTheStartOfItsLastAttempt()
    {
        BalancerParts parts = new(["a"]);
        parts.Eject('a', OutcomeKind.Failed, took: 0.3);

        Assert.Equal(parts.In(0.2), parts.Probes.NextForcedAt(parts.Picker, parts.Now));
    }

    [Fact]
    public void Forced_TimeOfTheOnlyEndpointIsStated_IsThat()
    {
        BalancerParts parts = new(["a"]);
        parts.Eject('a', OutcomeKind.RateLimited, hint: 7);

        Assert.Equal(parts.In(7), parts.Probes.NextForcedAt(parts.Picker, parts.Now));
    }

    [Fact]
    public void Forced_AllOthersAreMisconfigured_IsSpacedAsOfTheOnlyEndpoint()
    {
        _parts.Eject('a', OutcomeKind.CredentialRefused);
        _parts.Eject('b', OutcomeKind.Unreachable);
        Assert.Equal(_parts.Now, NextAt);

        _parts.Eject('c', OutcomeKind.MissingDeployment);

        Assert.Equal(_parts.In(0.5), NextAt);
    }

    [Fact]
    public void Forced_AllAreMisconfigured_IsNever()
    {
        _parts.Eject('a', OutcomeKind.CredentialRefused);
        _parts.Eject('b', OutcomeKind.CredentialRefused);
        _parts.Eject('c', OutcomeKind.CredentialRefused);

        Assert.Equal((null, long.MaxValue), (Forced, NextAt));
    }

    [Fact]
    public void Forced_ConfiguredLimitHasNoRoom_IsWhenItHas()
    {
        BalancerParts parts = new(["ab"], setup: static (_, setup) => setup with { RequestsPerMinute = 60 });
        parts.Eject('a', OutcomeKind.Unreachable);
        parts['a'].Capacity.Charge(0, parts.Now);

        Assert.Equal(parts.In(1), parts.Probes.NextForcedAt(parts.Picker, parts.Now));
        Assert.Null(parts.Probes.Forced(parts.Picker, parts.Now));
    }
}
