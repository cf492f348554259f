using AzureOpenAI.RoundRobin.Balancing.Outliers;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Outliers;

public sealed class SilentCallsTests
{
    /// <summary>The chance that all of the endpoint's calls are among those that outlast the answers, by counting.</summary>
    [Theory]
    [InlineData(1, 0, 0, 1)]
    [InlineData(1, 0, 12, 13)]
    [InlineData(2, 0, 5, 21)]
    [InlineData(3, 0, 4, 35)]
    [InlineData(1, 1, 4, 3)]
    [InlineData(2, 1, 3, 5)]
    public void Evidence_IsTheChanceOfTheRank(int waiting, int elsewhere, int answers, double inverse) =>
        Assert.Equal(Math.Log(inverse), SilentCalls.Evidence(waiting, elsewhere, answers), precision: 9);
}
