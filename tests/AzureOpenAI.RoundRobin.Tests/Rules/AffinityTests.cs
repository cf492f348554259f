using AzureOpenAI.RoundRobin.Balancing.Affinity;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Who is asked where calls belong together. Each prompt is a conversation.</summary>
public class AffinityTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_OfOneConversationFromManyThreads_GoToOneEndpoint(bool streaming)
    {
        for (int conversation = 0; conversation < 20; conversation++)
        {
            using FakePool pool = PoolOf(5);
            string prompt = $"prompt {conversation}";

            // So many threads that their calls are within what an endpoint may always have in flight.
            await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
            {
                for (int i = 0; i < 50; i++)
                {
                    await pool.AskAsync(streaming, prompt: prompt);
                }
            })));

            Assert.Equal([0, 0, 0, 0, 400], pool.Calls.Order());
        }
    }

    [Fact]
    public Task NewConversations_InAnyPool_AreSpreadByWeight() => Gen.Select(Gen.Int[1, 100].Array[1, 6], Gen.Int[1, 60], Gen.Int).SampleAsync(async (weights, count, seed) =>
    {
        using FakePool pool = PoolOf(weights.Length, endpoint: (i, entry) => entry.Weight = weights[i]);
        for (int i = 0; i < count; i++)
        {
            await pool.AskAsync(prompt: $"{seed} {i}");
        }

        for (int i = 0; i < weights.Length; i++)
        {
            double share = (double)count * weights[i] / weights.Sum();
            Assert.InRange(pool.Calls[i], 0, share + Math.Max(1, share / 10));
        }
    }, iter: 100);

    [Theory]
    [InlineData(30, 0.6)]
    [InlineData(300, 0.85)]
    public async Task TwoProcesses_ThatSeeConversationsInAnotherOrder_PlaceMostAlike(int conversations, double share)
    {
        using FakePool first = PoolOf(3);
        using FakePool second = PoolOf(3, start: 1);
        string[] prompts = [.. Enumerable.Range(0, conversations).Select(i => $"prompt {i}")];
        string[] shuffled = [.. prompts];
        new Random(1).Shuffle(shuffled);
        Dictionary<string, string> answers = [];
        foreach (string prompt in prompts)
        {
            answers[prompt] = await first.AskAsync(prompt: prompt);
        }

        int alike = 0;
        foreach (string prompt in shuffled)
        {
            alike += await second.AskAsync(prompt: prompt) == answers[prompt] ? 1 : 0;
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{alike} of {conversations} alike");
        Assert.InRange(alike, share * conversations, conversations);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    public async Task AnotherEndpoint_InANewPool_MovesLessThanTwiceItsShare(int count)
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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Conversations_OfAnEndpointThatCools_AloneLeaveAndComeBack(bool streaming)
    {
        using FakePool pool = PoolOf(4);
        string[] before = await AskEachAsync(pool, streaming);
        pool.Clients[1].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(60)));

        string[] during = await AskEachAsync(pool, streaming);
        string[] still = await AskEachAsync(pool, streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(61));
        // The first few open it again.
        await AskEachAsync(pool, streaming);
        string[] after = await AskEachAsync(pool, streaming);

        Assert.All(before.Zip(during), pair => Assert.True(pair.First == "b" ? pair.Second != "b" : pair.First == pair.Second));
        Assert.Equal(during, still);
        Assert.Equal(3, before.Zip(during).Where(pair => pair.First == "b").Select(pair => pair.Second).Distinct().Count());
        Assert.Equal(before, after);
    }

    [Fact]
    public Task AnEndpoint_ThatLeavesAnyPool_MovesItsOwnConversationsAndNoOthers() => Gen.Select(Gen.Int[1, 100].Array[2, 6], Gen.Int[0, 5], Gen.Int[1, 60]).SampleAsync(async (weights, leaves, conversations) =>
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
        await AskEachAsync(pool, false, conversations);
        await pool.AdvanceAsync(5);
        string[] after = await AskEachAsync(pool, false, conversations);

        Assert.All(before.Zip(during), pair => Assert.True(pair.First == gone ? pair.Second != gone : pair.First == pair.Second));
        Assert.Equal(before, after);
    }, iter: 100);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACall_ThatFailsOver_FollowsTheRendezvousOrder(bool streaming)
    {
        for (int failing = 0; failing < 5; failing++)
        {
            using FakePool pool = PoolOf(5);
            Endpoint[] order = OrderOf(pool, "hi");
            for (int i = 0; i < failing; i++)
            {
                pool.Clients[order[i].Name[0] - 'a'].Fails = FakeFailure.Status(500);
            }

            Assert.Equal(order[failing].Name, await pool.AskAsync(streaming));
            Assert.Equal(failing + 1, pool.Calls.Sum());
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public async Task ABusyConversation_AboveTheBoundOfItsEndpoint_SpillsInOrder(int count)
    {
        using FakePool pool = PoolOf(count);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Hold();
        }

        Endpoint[] order = OrderOf(pool, "hi");
        List<Task<string>> calls = [];
        for (int i = 0; i < 60; i++)
        {
            int[] inFlight = [.. order.Select(endpoint => endpoint.InFlight)];
            double bound = Math.Max(8, Math.Min(2.0 * (i + 1) / count, (i + 1 + ((double)(i + 1) / count)) / 2));
            int expected = Array.FindIndex(inFlight, calls => calls + 1 <= bound);

            calls.Add(pool.AskAsync());

            Assert.Equal(inFlight[expected] + 1, order[expected].InFlight);
        }

        // Twice the share of one in two would be all of them.
        Assert.Equal(count == 2 ? 45 : 120 / count, order[0].InFlight);
        foreach (HeldCall held in pool.Clients.SelectMany(client => client.Held))
        {
            held.Answer();
        }

        await Task.WhenAll(calls);
        Assert.Equal(0, pool.InFlight);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = null;
        }

        Assert.Equal(order[0].Name, await pool.AskAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALowerTier_WhileTheBetterHasNoneFit_IsHomeOnlyForSoLong(bool streaming)
    {
        using FakePool pool = PoolOf(4, endpoint: (i, entry) => entry.Priority = i / 2);
        string[] before = await AskEachAsync(pool, streaming, 10);
        Assert.All(before, answer => Assert.Contains(answer, "ab", StringComparison.Ordinal));
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(60)));
        pool.Clients[1].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(60)));

        await AskEachAsync(pool, streaming, 20);
        Assert.All(await AskEachAsync(pool, streaming, 20), answer => Assert.Contains(answer, "cd", StringComparison.Ordinal));
        pool.Time.Advance(TimeSpan.FromSeconds(61));
        await AskEachAsync(pool, streaming, 40);
        string[] after = await AskEachAsync(pool, streaming, 20);

        Assert.Equal(before, after[..10]);
        Assert.All(after, answer => Assert.Contains(answer, "ab", StringComparison.Ordinal));
        Assert.Equal(after, await AskEachAsync(pool, streaming, 20));
    }

    [Fact]
    public async Task Conversations_OfASlowEndpoint_LeaveItToTheProbesUntilItIsItselfAgain()
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
    public async Task ACallInLine_WhenItsEndpointReturns_IsServed(bool streaming)
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
    public async Task AnEndpoint_ThatFailedItsProbe_IsProbedAgain(bool streaming)
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
    public async Task AnEndpoint_ThatFailsItsProbes_IsProbedOnceInARoundOfCalls(bool streaming)
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
    public async Task AnEndpoint_ThatReturns_IsHomeToNewConversations(bool streaming)
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

    [Fact]
    public async Task Calls_WithoutAffinity_AllocateNothing()
    {
        using RoundRobinChatClient client = new([new InstantClient(), new InstantClient(), new InstantClient()]);

        Assert.Equal(0, await AllocatedAsync(client));
    }

    [Fact]
    public async Task Calls_WithAffinity_AllocateNoMoreThanAnEnumerator()
    {
        using RoundRobinChatClient client = new([new InstantClient(), new InstantClient(), new InstantClient()], new() { Affinity = EndpointAffinity.PromptCache });

        Assert.InRange(await AllocatedAsync(client), 0, 40);
    }

    private static FakePool PoolOf(int count, Action<int, EndpointOptions>? endpoint = null, uint start = uint.MaxValue) =>
        new(count, options => options.Affinity = EndpointAffinity.PromptCache, endpoint, start: start);

    private static async Task<string[]> AskEachAsync(FakePool pool, bool streaming, int conversations = 40)
    {
        string[] answers = new string[conversations];
        for (int i = 0; i < conversations; i++)
        {
            answers[i] = await pool.AskAsync(streaming, prompt: $"prompt {i}");
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

    private static Endpoint[] OrderOf(FakePool pool, string prompt)
    {
        List<Endpoint> order = [];
        foreach (Endpoint endpoint in new RendezvousOrder(PromptPrefix.KeyOf([new ChatMessage(ChatRole.User, prompt)], null), pool.Pool.Endpoints.ToArray()))
        {
            order.Add(endpoint);
        }

        return [.. order];
    }

    /// <summary>Bytes for a call that completes at once; not those of the look that the pool takes at all endpoints every few calls.</summary>
    private static async Task<long> AllocatedAsync(RoundRobinChatClient client)
    {
        ChatMessage[] messages = [new(ChatRole.User, "hi")];
        CancellationToken token = CancellationToken.None;
        await client.GetResponseAsync(messages, cancellationToken: token);
        long[] allocated = new long[1000];
        for (int i = 0; i < allocated.Length; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            _ = client.GetResponseAsync(messages, cancellationToken: token);
            allocated[i] = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Array.Sort(allocated);
        return allocated[allocated.Length / 2];
    }

    private sealed class InstantClient : IChatClient
    {
        private static readonly Task<ChatResponse> Answer = Task.FromResult(FakeChatClient.Answer("hi"));

        public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => Answer;

        public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
