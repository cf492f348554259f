using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>How an endpoint stands in its pool: each fact by itself.</summary>
public class StandingTests
{
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Of_LateAndSuspect_AreTakenAsTheyAre(bool isLate, bool isSuspect)
    {
        Standing standing = Of(new BalancerParts(["ab"]), 'a', isLate: isLate, isSuspect: isSuspect);

        Assert.Equal((isLate, isSuspect), (standing.IsLate, standing.IsSuspectRequest));
    }

    [Fact]
    public void Of_HealthyEndpoint_IsHealthyAndAvailable()
    {
        Standing standing = Of(new BalancerParts(["ab"]), 'a');

        Assert.Equal((true, true), (standing.IsHealthy, standing.IsAvailable));
    }

    [Fact]
    public void Of_RecoveringEndpoint_IsAvailableAndNotHealthy()
    {
        BalancerParts parts = new(["ab"]);
        parts.EjectAndRecover('a', OutcomeKind.RateLimited);

        Standing standing = Of(parts, 'a');

        Assert.Equal((false, true), (standing.IsHealthy, standing.IsAvailable));
    }

    [Theory]
    [InlineData("RateLimited")]
    [InlineData("Unreachable")]
    public void Of_UnavailableDeploymentOrResource_IsNeither(string kind)
    {
        BalancerParts parts = new(["ab"]);
        parts.Eject('a', Enum.Parse<OutcomeKind>(kind));

        Standing standing = Of(parts, 'a');

        Assert.Equal((false, false), (standing.IsHealthy, standing.IsAvailable));
    }

    [Theory]
    [InlineData("a", true)]
    [InlineData("ab", false)]
    [InlineData("a b", true)]
    [InlineData("a ab", false)]
    [InlineData("bc a", true)]
    public void Of_Pickers_IsAloneInEachOfItsOwn(string pickers, bool isAlone) => Assert.Equal(isAlone, Of(new BalancerParts(pickers.Split(' ')), 'a').IsAlone);

    [Theory]
    [InlineData("a", "", "", true, true)]
    [InlineData("ab", "", "", false, false)]
    [InlineData("ab", "", "b", true, true)]
    [InlineData("abc", "", "b", false, false)]
    [InlineData("ab", "ab", "", false, true)]
    [InlineData("abc", "ab", "", false, false)]
    [InlineData("abc", "ab", "c", false, true)]
    [InlineData("ab ac", "", "b", false, false)]
    [InlineData("ab bc", "", "b", true, true)]
    public void Of_OthersOfItsModels_IsLastWhereNoneIsAvailable(string pickers, string shared, string unavailable, bool isLast, bool isLastResource)
    {
        BalancerParts parts = new(pickers.Split(' '), shared);
        foreach (char name in unavailable)
        {
            parts.Eject(name, OutcomeKind.RateLimited);
        }

        Standing standing = Of(parts, 'a');

        Assert.Equal((isLast, isLastResource), (standing.IsLastAvailable, standing.IsLastAvailableResource));
    }

    [Theory]
    [InlineData(9, true)]
    [InlineData(10, false)]
    public void Of_ErrorsInARow_IsIntermittentForFewerThanTen(int errors, bool isIntermittent)
    {
        BalancerParts parts = new(["ab"]);
        for (int i = 0; i < errors; i++)
        {
            parts['a'].Health.Resource.Endure();
        }

        Assert.Equal(isIntermittent, Of(parts, 'a').IsIntermittent);
    }

    [Fact]
    public void Of_DeploymentRejects_IsIntermittentByItsResourceAlone()
    {
        BalancerParts parts = new(["ab"]);
        parts.Eject('a', OutcomeKind.RateLimited);

        Assert.True(Of(parts, 'a').IsIntermittent);
    }

    [Theory]
    [InlineData("ab", 0, true)]
    [InlineData("ab cd", 1, false)]
    [InlineData("ab ac", 1, true)]
    public void Of_CallsAreQueued_IsAwaitedIfItCouldAnswerThem(string pickers, int queued, bool isAwaited)
    {
        BalancerParts parts = new(pickers.Split(' '));
        Assert.False(Of(parts, 'a').IsAwaited);

        parts.Enqueue(parts.Request(picker: parts.Pickers[queued]));

        Assert.Equal(isAwaited, Of(parts, 'a').IsAwaited);
    }

    private static Standing Of(BalancerParts parts, char name, bool isLate = false, bool isSuspect = false) =>
        Standing.Of(parts.Members, parts[name], BalancerParts.OutcomeOf(OutcomeKind.Failed), isLate, isSuspect);
}
