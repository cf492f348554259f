using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Where conversations go whose endpoint is unavailable, lagging or gone, and when they come back.</summary>
[Trait("Rule", "4")]
public class AffinityWhileAnEndpointIsUnavailableTests
{
    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    public async Task AnotherEndpoint_InANewPool_TakesLessThanTwiceItsShare(int count)
    {
        const int Conversations = 300;
        using FakePool fewer = PoolOf(count);
        using FakePool more = PoolOf(count + 1);
        string[] before = await AskEachAsync(fewer, false, Conversations);

        string[] after = await AskEachAsync(more, false, Conversations);

        int moved = before.Zip(after).Count(pair => pair.First != pair.Second);
        TestContext.Current.TestOutputHelper?.WriteLine($"{moved} of {Conversations} moved, a share is {Conversations / (count + 1)}");
        Assert.InRange(moved, 0, Conversations * 2 / (count + 1));
    }

    [Fact]
    public Task EndpointLeavesAnyPool_OnlyItsOwnConversationsGoElsewhere() => Gen.Select(Gen.Int[1, 100].Array[2, 6], Gen.Int[0, 5], Gen.Int[1, 60]).SampleAsync(async (weights, leaves, conversations) =>
    {
        leaves %= weights.Length;
        using FakePool pool = PoolOf(weights.Length, endpoint: (i, entry) => entry.Weight = weights[i]);
        string[] before = await AskEachAsync(pool, false, conversations);
        string gone = pool.Clients[leaves].Name;
        if (!before.Contains(gone))
        {
            return;
        }

        pool.Clients[leaves].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(60)));
        string[] during = await AskEachAsync(pool, false, conversations);
        pool.Time.Advance(TimeSpan.FromSeconds(61));
        await AskEachAsync(pool, false, conversations, apart: 2);
        await pool.AdvanceAsync(5);
        string[] after = await AskEachAsync(pool, false, conversations, apart: 2);

        Assert.All(before.Zip(during), pair => Assert.True(pair.First == gone ? pair.Second != gone : pair.First == pair.Second));
        Assert.Equal(before, after);
    }, iter: 100);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Unavailable_OnlyItsConversationsLeave_AndComeBack(bool streaming)
    {
        using FakePool pool = PoolOf(4);
        string[] before = await AskEachAsync(pool, streaming);
        pool.Clients[1].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(60)));

        string[] during = await AskEachAsync(pool, streaming);
        string[] still = await AskEachAsync(pool, streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(61));
        // What its pace has no room for goes elsewhere.
        await AskEachAsync(pool, streaming);
        string[] after = await AskEachAsync(pool, streaming, apart: 2);

        Assert.All(before.Zip(during), pair => Assert.True(pair.First == "b" ? pair.Second != "b" : pair.First == pair.Second));
        Assert.Equal(during, still);
        Assert.Equal(3, before.Zip(during).Where(pair => pair.First == "b").Select(pair => pair.Second).Distinct().Count());
        Assert.Equal(before, after);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LowerPriority_KeepsConversationsOnlyWhileTheBetterIsUnavailable(bool streaming)
    {
        using FakePool pool = PoolOf(4, endpoint: (i, entry) => entry.Priority = i / 2);
        string[] before = await AskEachAsync(pool, streaming, 10);
        Assert.All(before, answer => Assert.Contains(answer, "ab", StringComparison.Ordinal));
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(60)));
        pool.Clients[1].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(60)));

        await AskEachAsync(pool, streaming, 20);
        Assert.All(await AskEachAsync(pool, streaming, 20), answer => Assert.Contains(answer, "cd", StringComparison.Ordinal));
        pool.Time.Advance(TimeSpan.FromSeconds(61));
        await AskEachAsync(pool, streaming, 40, apart: 2);
        string[] after = await AskEachAsync(pool, streaming, 20, apart: 2);

        Assert.Equal(before, after[..10]);
        Assert.All(after, answer => Assert.Contains(answer, "ab", StringComparison.Ordinal));
        Assert.Equal(after, await AskEachAsync(pool, streaming, 20, apart: 2));
    }

    [Fact]
    public async Task Lagging_ItsConversationsLeave_UntilItIsHealthyAgain()
    {
        using FakePool pool = PoolOf(3);
        string[] before = await AskEachAsync(pool, false);
        double[] seconds = [1, 0.05, 0.05];
        for (int i = 0; i < 3; i++)
        {
            int index = i;
            pool.Clients[i].OnCall = async (_, _, token) =>
            {
                await Task.Delay(TimeSpan.FromSeconds(seconds[index]), pool.Time, token).ConfigureAwait(false);
                return FakeChatClient.Answer(pool.Clients[index].Name);
            };
        }

        await AskSlowlyAsync(pool, 10);
        int probes = (await AskSlowlyAsync(pool, 8)).Count(answer => answer == "a");
        seconds[0] = 0.05;
        await AskSlowlyAsync(pool, 20);

        Assert.Contains("a", before);
        Assert.InRange(probes, 9, 11);
        Assert.Equal(before, await AskSlowlyAsync(pool, 1));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task QueuedCall_ItsEndpointRecovers_IsServed(bool streaming)
    {
        using FakePool pool = PoolOf(2);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)));
        pool.Clients[1].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(9)));

        Task<string> call = pool.AskAsync(streaming);
        await pool.SettleAsync();
        Assert.Equal(1, pool.Waiting);
        await pool.AdvanceAsync(5);

        Assert.Equal("a", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FailedProbe_IsFollowedByAnother(bool streaming)
    {
        using FakePool pool = PoolOf(3);
        pool.Clients[1].Fails = FakeFailure.Refused();
        await AskEachAsync(pool, streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(2));
        await AskEachAsync(pool, streaming);
        Assert.Equal(2, pool.Clients[1].Calls);

        pool.Clients[1].Fails = null;
        pool.Time.Advance(TimeSpan.FromSeconds(20));
        await AskEachAsync(pool, streaming);

        Assert.InRange(pool.Clients[1].Calls, 3, int.MaxValue);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FailedProbes_OneInARoundOfCalls(bool streaming)
    {
        using FakePool pool = PoolOf(3);
        pool.Clients[1].Fails = FakeFailure.Refused();
        for (int i = 0; i < 60; i++)
        {
            await pool.AskAsync(streaming, prompt: $"prompt {i}");
            pool.Time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.InRange(pool.Calls[1], 19, 22);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Recovered_TakesNewConversations(bool streaming)
    {
        using FakePool pool = PoolOf(12);
        int conversation = 0;
        for (; conversation < 600; conversation++)
        {
            await pool.AskAsync(streaming, prompt: $"prompt {conversation}");
        }

        pool.Clients[1].Plays(FakeFailure.Refused());
        for (; pool.StateOf(1) == EndpointState.Healthy; conversation++)
        {
            await pool.AskAsync(streaming, prompt: $"prompt {conversation}");
        }

        pool.Time.Advance(TimeSpan.FromSeconds(2));
        for (int i = 0; i < 200; i++, conversation++)
        {
            await pool.AskAsync(streaming, prompt: $"prompt {conversation}");
        }

        Assert.Equal(EndpointState.Healthy, pool.StateOf(1));
    }

    private static FakePool PoolOf(int count, Action<int, EndpointOptions>? endpoint = null, uint start = uint.MaxValue) =>
        new(count, options => options.Affinity = EndpointAffinity.PromptCache, endpoint, start: start);

    private static async Task<string[]> AskEachAsync(FakePool pool, bool streaming, int conversations = 40, double apart = 0)
    {
        string[] answers = new string[conversations];
        for (int i = 0; i < conversations; i++)
        {
            answers[i] = await pool.AskAsync(streaming, prompt: $"prompt {i}");
            pool.Time.Advance(TimeSpan.FromSeconds(apart));
        }

        return answers;
    }

    /// <summary>The same, for so many turns, with time passing while each call is under way.</summary>
    private static async Task<string[]> AskSlowlyAsync(FakePool pool, int turns)
    {
        List<string> answers = [];
        for (int i = 0; i < 40 * turns; i++)
        {
            Task<string> call = pool.AskAsync(prompt: $"prompt {i % 40}");
            while (!call.IsCompleted)
            {
                pool.Time.Advance(TimeSpan.FromMilliseconds(50));
                await Task.Yield();
            }

            answers.Add(await call);
        }

        return [.. answers];
    }
}
