using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Growth of a cooldown is forgotten by time, one step for each 30 s without a failure, and not by one success.</summary>
[Trait("Rule", "5.7")]
public class CooldownGrowthIsForgottenTests
{
    [Fact]
    public async Task OneSuccess_DoesNotForgetTheGrowth()
    {
        using FakePool pool = new(2);
        Cut(pool, true, true, false, true);
        await AskInTurnAsync(pool);
        pool.Time.Advance(TimeSpan.FromSeconds(2));
        await AskInTurnAsync(pool);
        Assert.Equal(4, pool.OutFor(0));
        pool.Time.Advance(TimeSpan.FromSeconds(4));

        Assert.Equal("a", await pool.AskInTurnOfAsync(0, streaming: true));
        await AskInTurnAsync(pool);

        Assert.Equal(8, pool.OutFor(0));
    }

    [Theory]
    [InlineData(29.9, 16)]
    [InlineData(30, 8)]
    [InlineData(60, 4)]
    [InlineData(90, 2)]
    [InlineData(3000, 2)]
    public async Task TimeWithoutFailure_ForgetsTheGrowthStepByStep(double quiet, double seconds)
    {
        using FakePool pool = new(2);
        Cut(pool, true, true, true, true);
        foreach (double pause in new double[] { 2, 4, 8 })
        {
            await AskInTurnAsync(pool);
            Assert.Equal(pause, pool.OutFor(0));
            pool.Time.Advance(TimeSpan.FromSeconds(pause));
        }

        pool.Time.Advance(TimeSpan.FromSeconds(quiet));
        await AskInTurnAsync(pool);

        Assert.Equal(seconds, pool.OutFor(0));
    }

    /// <summary>The first endpoint cuts these of its streams, or answers them.</summary>
    private static void Cut(FakePool pool, params bool[] cuts)
    {
        Queue<bool> script = new(cuts);
        pool.Clients[0].OnStream = (_, _, token) => script.Dequeue() ? FakeChatClient.Failing(new IOException("cut"), "x") : FakeChatClient.Updates(token, "a");
    }

    private static async Task AskInTurnAsync(FakePool pool) => await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskInTurnOfAsync(0, streaming: true));
}
