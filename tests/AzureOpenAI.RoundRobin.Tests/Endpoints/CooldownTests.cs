using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints;

public class CooldownTests
{
    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 4)]
    [InlineData(2, 8)]
    [InlineData(3, 16)]
    [InlineData(4, 30)]
    [InlineData(9, 30)]
    [InlineData(40, 30)]
    [InlineData(int.MaxValue, 30)]
    public void For_Cut_Doubles(int strikes, double seconds) => Assert.Equal(seconds, For("Cut", strikes));

    [Theory]
    [InlineData("CredentialRefused")]
    [InlineData("MissingDeployment")]
    public void For_Misconfigured_GrowsInThreeSteps(string kind) =>
        Assert.Equal([10, 60, 300, 300], Enumerable.Range(0, 4).Select(strikes => For(kind, strikes)));

    [Theory]
    [InlineData("Unreachable")]
    [InlineData("Failed")]
    [InlineData("BrokenAnswer")]
    public void For_AFault_IsAQuarterOfTheTimeOut(string kind)
    {
        Assert.Equal(1, For(kind, 0));
        Assert.Equal(1, For(kind, 5, outFor: 4));
        Assert.Equal(2.5, For(kind, 5, outFor: 10));
        Assert.Equal(15, For(kind, 5, outFor: 60));
        Assert.Equal(15, For(kind, 50, outFor: 6000));
    }

    [Theory]
    [InlineData(0.1, 0, 1)]
    [InlineData(2, 0, 8)]
    [InlineData(2, 60, 15)]
    [InlineData(100, 0, 300)]
    public void For_TimedOut_IsAtLeastFourTimesTheCost(double cost, double outFor, double seconds) => Assert.Equal(seconds, For("TimedOut", 0, outFor, cost));

    private static double For(string kind, int strikes, double outFor = 0, double cost = 0) =>
        Cooldown.For(Enum.Parse<OutcomeKind>(kind), strikes, TimeSpan.FromSeconds(outFor), TimeSpan.FromSeconds(cost)).TotalSeconds;
}
