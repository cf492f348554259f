using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Growth of a cooldown is forgotten by time, one step for each 30 s without a failure, and not by one success.</summary>
[Trait("Rule", "5.7")]
public class CooldownGrowthIsForgottenTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneSuccess_DoesNotForgetTheGrowth(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(FakeFailure.Status(429), FakeFailure.Status(429), null, FakeFailure.Status(429));
        await pool.AskInTurnOfAsync(0, streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        await pool.AskInTurnOfAsync(0, streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal("a", await pool.AskInTurnOfAsync(0, streaming));
        await pool.AskManyAsync(2, streaming);

        Assert.Equal(4, pool.OutFor(0));
    }

    [Theory]
    [InlineData(29.9, 8)]
    [InlineData(30, 4)]
    [InlineData(60, 2)]
    [InlineData(90, 1)]
    [InlineData(3000, 1)]
    public async Task TimeWithoutFailure_ForgetsTheGrowthStepByStep(double quiet, double seconds)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(429);
        foreach (double pause in new double[] { 1, 2, 4 })
        {
            await pool.AskInTurnOfAsync(0);
            pool.Time.Advance(TimeSpan.FromSeconds(pause));
        }

        pool.Time.Advance(TimeSpan.FromSeconds(quiet));
        await pool.AskInTurnOfAsync(0);

        Assert.Equal(seconds, pool.OutFor(0));
    }
}
