using AzureOpenAI.RoundRobin.Balancing.Affinity;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Where calls go that belong to one conversation. Each prompt is a conversation.</summary>
[Trait("Rule", "4")]
public class AffinityTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneConversation_FromManyThreads_GoesToOneEndpoint(bool streaming)
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
    public Task NewConversations_AnyPool_AreSpreadByWeight() => Gen.Select(Gen.Int[1, 100].Array[1, 6], Gen.Int[1, 60], Gen.Int).SampleAsync(async (weights, count, seed) =>
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
    public async Task TwoProcesses_AnotherOrderOfConversations_PlaceMostAlike(int conversations, double share)
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
    [InlineData(false)]
    [InlineData(true)]
    public async Task Failover_FollowsTheRendezvousOrder(bool streaming)
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
    public async Task BusyConversation_AboveTheBoundOfItsEndpoint_SpillsInOrder(int count)
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

    private static FakePool PoolOf(int count, Action<int, EndpointOptions>? endpoint = null, uint start = uint.MaxValue) =>
        new(count, options => options.Affinity = EndpointAffinity.PromptCache, endpoint, start: start);

    private static Endpoint[] OrderOf(FakePool pool, string prompt)
    {
        List<Endpoint> order = [];
        foreach (Endpoint endpoint in new RendezvousOrder(PromptPrefix.KeyOf([new ChatMessage(ChatRole.User, prompt)], null), pool.Pool.Endpoints.ToArray()))
        {
            order.Add(endpoint);
        }

        return [.. order];
    }
}
