using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Connection refused, DNS, TLS, no connection in time: a quarter of the time that the endpoint has been unreachable.</summary>
[Trait("Rule", "5.7")]
public class UnreachableTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FirstFailure_Ejects_ForAQuarterOfTheOutage(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Refused();
        double outSince = 0;
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal("b", await pool.AskInTurnOfAsync(0, streaming));
            double pause = pool.OutFor(0);
            Assert.Equal(Math.Clamp(outSince / 4, 1, 15), pause, 0.001);
            outSince += pause;
            pool.Time.Advance(pool.StatusOf(0).ReadyIn!.Value);
        }

        Assert.True(outSince > 60, "It grew to the most.");
    }
}
