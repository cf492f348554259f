using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>One call never tries an endpoint twice while another available one is untried.</summary>
[Trait("Rule", "4")]
public class NoEndpointTwiceWhileAnotherIsUntriedTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FailedCall_TriesEachAvailableEndpointOnceBeforeAnyTwice(bool streaming)
    {
        using FakePool pool = new(5);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Plays(FakeFailure.Status(500));
        }

        pool.Clients[4].Fails = null;

        Assert.Equal("e", await pool.AskAsync(streaming));
        Assert.Equal([1, 1, 1, 1, 1], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FailedCall_SkipsThoseItHasTried_AndLeavesThemTheirTurns(bool streaming)
    {
        using FakePool pool = new(2, endpoint: (i, entry) => entry.Weight = i == 0 ? 3 : 1);
        Assert.Equal("aabaaaba", await pool.AskManyAsync(8, streaming));
        pool.Clients[0].Plays(FakeFailure.Status(500));

        // The first failed at a, passed over a's next turn, and was answered by b.
        Assert.Equal("bbaaaba", await pool.AskManyAsync(7, streaming));
    }
}
