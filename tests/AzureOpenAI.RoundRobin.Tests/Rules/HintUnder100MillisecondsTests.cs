using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A hint under 100 ms does not rebuild the rotation.</summary>
[Trait("Rule", "4")]
public class HintUnder100MillisecondsTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task HintUnder100Milliseconds_SkipsOnlyTheTurnsOfThatEndpoint(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromMilliseconds(99)));

        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        string meanwhile = await pool.AskManyAsync(6, streaming);
        Assert.DoesNotContain('a', meanwhile);
        pool.Time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.Equal(2, (await pool.AskManyAsync(6, streaming)).Count(answer => answer == 'a'));
    }
}
