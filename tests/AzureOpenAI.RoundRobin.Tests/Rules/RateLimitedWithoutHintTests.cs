using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A 429 that does not say for how long: 1, 2, 4 ... 30 seconds.</summary>
[Trait("Rule", "5.7")]
public class RateLimitedWithoutHintTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WithoutHint_CooldownDoubles(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(429);

        foreach (double seconds in new double[] { 1, 2, 4, 8, 16, 30, 30 })
        {
            Assert.Equal("b", await pool.AskInTurnOfAsync(0, streaming));
            Assert.Equal(seconds, pool.OutFor(0));
            pool.Time.Advance(TimeSpan.FromSeconds(seconds));
        }
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("0")]
    [InlineData("-3")]
    public async Task InvalidHint_CountsAsNoHint(string value)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(FakeFailure.Status(429, ("Retry-After", value)));

        await pool.AskAsync();

        Assert.Equal(1, pool.OutFor(0));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.5, 1.05)]
    [InlineData(1, 1.1)]
    public async Task Cooldown_HasUpToTenPercentOfJitter_AndIsNeverShorter(double jitter, double seconds)
    {
        using FakePool pool = new(2, jitter: () => jitter);
        pool.Clients[0].Fails = FakeFailure.Status(429);

        await pool.AskAsync();

        Assert.Equal(seconds, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AllRateLimited_AnsweredProbeOfTheQueue_MakesTheEndpointAvailable(bool streaming)
    {
        using FakePool pool = new(2);
        Array.ForEach(pool.Clients, client => client.Plays(FakeFailure.Status(429)));

        string first = await pool.AskAsync(streaming);

        Assert.Equal(EndpointState.Recovering, pool.StateOf(first[0] - 'a'));
        Task<string> second = pool.AskAsync(streaming);
        Assert.True(second.IsCompleted);
        Assert.Equal(first, await second);
    }
}
