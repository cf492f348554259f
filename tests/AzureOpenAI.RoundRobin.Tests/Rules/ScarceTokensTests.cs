using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>An endpoint says that tokens are scarce: then large calls take more of its pace than small ones. One that says that requests are, is paced by calls.</summary>
[Trait("Rule", "4")]
public class ScarceTokensTests
{
    private const string Tokens = "Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded token rate limit of your current OpenAI S0 pricing tier.";
    private const string Requests = "Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded call rate limit of your current OpenAI S0 pricing tier.";

    [Theory]
    [InlineData(Tokens, false)]
    [InlineData(Tokens, true)]
    [InlineData(Requests, false)]
    [InlineData(Requests, true)]
    public async Task LargeCalls_WaitLongerOnlyWhereTokensAreScarce(string body, bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromMinutes(5));
        pool.Clients[0].Plays(FakeFailure.Saying(429, body, ("retry-after-ms", "500")));
        Task<string> rejected = pool.AskAsync(streaming);
        await pool.AdvanceAsync(0.5);
        await rejected;
        // The first twenty after the rejection say what a usual call is.
        for (int i = 0; i < 20; i++)
        {
            await NextAfterAsync(pool, 100, streaming);
        }

        double small = await NextAfterAsync(pool, 100, streaming);
        double large = await NextAfterAsync(pool, 400, streaming);

        Assert.Equal(body == Tokens ? 4 : 1, large / small, body == Tokens ? 1 : 0.2);
    }

    /// <summary>The seconds from a call of that size, which comes when nothing waits, to the one that waits behind it.</summary>
    private static async Task<double> NextAfterAsync(FakePool pool, int tokens, bool streaming)
    {
        pool.Time.Advance(TimeSpan.FromSeconds(4));
        await pool.AskAsync(streaming, new ChatOptions { MaxOutputTokens = tokens });
        double first = pool.Clients[0].Times[^1];
        Task<string> second = pool.AskAsync(streaming, new ChatOptions { MaxOutputTokens = 100 });
        while (!second.IsCompleted)
        {
            await pool.AdvanceAsync(0.005);
        }

        await second;
        return pool.Clients[0].Times[^1] - first;
    }
}
