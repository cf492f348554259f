using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A hint under 100 ms does not rebuild the rotation: calls are held back until its end, and then go at the endpoint's pace.</summary>
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
        pool.Time.Advance(TimeSpan.FromMilliseconds(98));
        string meanwhile = await pool.AskManyAsync(6, streaming);
        Assert.Equal((3, 3), (meanwhile.Count(answer => answer == 'b'), meanwhile.Count(answer => answer == 'c')));
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, (await pool.AskManyAsync(6, streaming)).Count(answer => answer == 'a'));
        // One call in the second before the rejection, so its pace is one a second, and grows.
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, (await pool.AskManyAsync(6, streaming)).Count(answer => answer == 'a'));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task HintUnder100Milliseconds_OfTheOnlyEndpoint_IsWaitedFor(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromMilliseconds(99)));

        Task<string> call = pool.AskAsync(streaming);

        Assert.Equal((1, EndpointState.Healthy), (pool.Waiting, pool.StateOf(0)));
        await pool.AdvanceAsync(0.098);
        Assert.Equal([1], pool.Calls);
        await pool.AdvanceAsync(0.001);
        Assert.Equal("a", await call);
    }
}
