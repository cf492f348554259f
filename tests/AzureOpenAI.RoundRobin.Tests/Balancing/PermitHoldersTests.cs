using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>When a call that holds a permit counts as admitted.</summary>
public class PermitHoldersTests
{
    private readonly BalancerParts _parts = new(["abc"]);

    private PermitHolders Permits => _parts.Permits;

    [Fact]
    public void AddAndRemove_Attempts_AreKeptInOrder()
    {
        _parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        Attempt first = _parts.Begin('a');
        Attempt second = _parts.Begin('a');
        Assert.Equal((2, first, second), (Permits.Count, Permits[0], Permits[1]));

        Permits.Remove(first);

        Assert.Equal((1, second), (Permits.Count, Permits[0]));
    }

    [Fact]
    public void NextAt_NoneIsHeld_IsNever() => Assert.Equal(long.MaxValue, Permits.NextAt());

    [Theory]
    [InlineData(0, 0.25)]
    [InlineData(0.1, 0.25)]
    [InlineData(0.2, 0.4)]
    [InlineData(3, 6)]
    public void NextAt_LastFailureTookSoLong_IsTwiceThatOrTheTimeOfARejection(double took, double expected)
    {
        _parts.EjectAndProbe('a', OutcomeKind.Failed, took);
        Attempt attempt = _parts.Begin('a');

        Assert.Equal(_parts.In(expected), Permits.NextAt());
        Assert.False(Permits.IsDue(attempt, _parts.In(expected) - 1));
        Assert.True(Permits.IsDue(attempt, _parts.In(expected)));
    }

    [Fact]
    public void NextAt_RejectionsTakeLonger_IsTheirTime()
    {
        _parts['a'].CountFailure(OutcomeKind.RateLimited, TimeSpan.FromSeconds(0.75));
        _parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        _parts.Begin('a');

        Assert.Equal(_parts.In(1.5), Permits.NextAt());
    }

    [Fact]
    public void NextAt_Several_IsTheSoonestWhicheverCameFirst()
    {
        _parts.EjectAndProbe('a', OutcomeKind.Failed, took: 2);
        _parts.EjectAndProbe('b', OutcomeKind.Failed, took: 1);
        _parts.EjectAndProbe('c', OutcomeKind.Failed, took: 3);
        _parts.Begin('a');
        _parts.Begin('b');
        _parts.Begin('c');

        Assert.Equal(_parts.In(2), Permits.NextAt());
    }

    [Theory]
    [InlineData("TimedOut")]
    [InlineData("Stalled")]
    [InlineData("Cut")]
    public void NextAt_OnlyACompletedAnswerAdmits_IsNever(string kind)
    {
        _parts.EjectAndProbe('a', Enum.Parse<OutcomeKind>(kind), took: 1);
        Attempt attempt = _parts.Begin('a');

        Assert.Equal(long.MaxValue, Permits.NextAt());
        Assert.False(Permits.IsDue(attempt, _parts.In(3600)));
    }
}
