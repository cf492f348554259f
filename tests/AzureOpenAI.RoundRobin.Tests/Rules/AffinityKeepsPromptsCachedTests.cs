using System.Globalization;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>What affinity is for: 30 conversations of 10 turns, and how much of their prompts the endpoints find in their caches.</summary>
[Trait("Rule", "7")]
public class AffinityKeepsPromptsCachedTests
{
    private const int Conversations = 30;
    private const int Turns = 10;
    private static readonly string Instructions = Words("system", 600);

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 2)]
    [InlineData(false, 3)]
    [InlineData(true, 4)]
    public async Task OneAfterTheOther_PromptsAreCached_AndTheLoadIsEven(bool streaming, int seed)
    {
        Figures alone = await TalkAsync(1, EndpointAffinity.None, streaming, seed);
        Figures rotated = await TalkAsync(3, EndpointAffinity.None, streaming, seed);
        Figures kept = await TalkAsync(3, EndpointAffinity.PromptCache, streaming, seed);

        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"cached: alone {alone.Cached:p1}, rotated {rotated.Cached:p1}, kept {kept.Cached:p1}; load {string.Join('/', kept.Load)}, CV {kept.Deviation:0.000}"));
        Assert.InRange(alone.Cached, 0.84, 0.85);
        Assert.InRange(rotated.Cached, 0.5, 0.65);
        Assert.InRange(kept.Cached, Math.Max(0.83, 0.97 * alone.Cached), 1);
        Assert.InRange(kept.Deviation, 0, 0.15);
        Assert.InRange(kept.Load.Max() / kept.Load.Average(), 1, 1.3);
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 2)]
    [InlineData(false, 3)]
    [InlineData(true, 4)]
    public async Task WhereItBegan_PromptsAreCached_AndTheLoadIsExactlyEven(bool streaming, int seed)
    {
        Figures alone = await TalkAsync(1, EndpointAffinity.None, streaming, seed);
        Figures kept = await TalkAsync(3, EndpointAffinity.Conversation, streaming, seed);

        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"cached: alone {alone.Cached:p1}, kept {kept.Cached:p1}; load {string.Join('/', kept.Load)}"));
        Assert.InRange(kept.Cached, Math.Max(0.83, 0.97 * alone.Cached), 1);
        Assert.Equal([100, 100, 100], kept.Load);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AllAtOnce_PromptsAreCached_AndTheLoadIsEven(bool streaming)
    {
        using FakePool pool = PoolOf(3, EndpointAffinity.PromptCache, streaming, out FakePromptCache[] caches);

        await Task.WhenAll(Enumerable.Range(0, Conversations).Select(conversation => Task.Run(async () =>
        {
            List<ChatMessage> messages = Begin(conversation);
            for (int turn = 0; turn < Turns; turn++)
            {
                await TurnAsync(pool, messages, turn, streaming);
            }
        })));

        Figures kept = new(caches, pool.Calls);
        Assert.InRange(kept.Cached, 0.83, 1);
        Assert.InRange(kept.Deviation, 0, 0.15);
    }

    /// <summary>Every conversation takes its next turn, in another order each time, as the users of an app would.</summary>
    private static async Task<Figures> TalkAsync(int endpoints, EndpointAffinity affinity, bool streaming, int seed)
    {
        using FakePool pool = PoolOf(endpoints, affinity, streaming, out FakePromptCache[] caches);
        Random random = new(seed);
        List<ChatMessage>[] conversations = [.. Enumerable.Range(0, Conversations).Select(i => Begin((seed * Conversations) + i))];
        for (int turn = 0; turn < Turns; turn++)
        {
            random.Shuffle(conversations);
            foreach (List<ChatMessage> messages in conversations)
            {
                await TurnAsync(pool, messages, turn, streaming);
            }
        }

        Assert.Equal(Conversations * Turns, pool.Calls.Sum());
        return new(caches, pool.Calls);
    }

    private static FakePool PoolOf(int endpoints, EndpointAffinity affinity, bool streaming, out FakePromptCache[] caches)
    {
        FakePool pool = new(endpoints, options => options.Affinity = affinity);
        caches = [.. pool.Clients.Select(_ => new FakePromptCache())];
        foreach ((FakeChatClient client, FakePromptCache cache) in pool.Clients.Zip(caches))
        {
            client.OnCall = (messages, _, _) =>
            {
                cache.Read(messages);
                return Task.FromResult(FakeChatClient.Answer(client.Name));
            };
            client.OnStream = (messages, _, token) =>
            {
                cache.Read(messages);
                return FakeChatClient.Updates(token, client.Name);
            };
        }

        return pool;
    }

    private static List<ChatMessage> Begin(int conversation) =>
        [new(ChatRole.System, Instructions), new(ChatRole.User, Words($"question{conversation}", 600))];

    private static async Task TurnAsync(FakePool pool, List<ChatMessage> messages, int turn, bool streaming)
    {
        if (streaming)
        {
            await foreach (ChatResponseUpdate update in pool.Client.GetStreamingResponseAsync(messages, cancellationToken: TestContext.Current.CancellationToken))
            {
                Assert.NotEmpty(update.Text);
            }
        }
        else
        {
            await pool.Client.GetResponseAsync(messages, cancellationToken: TestContext.Current.CancellationToken);
        }

        messages.Add(new(ChatRole.Assistant, Words($"answer{turn}", 200)));
        messages.Add(new(ChatRole.User, Words($"more{turn}", 50)));
    }

    private static string Words(string word, int count) => string.Join(' ', Enumerable.Range(0, count).Select(i => $"{word}-{i}"));

    private sealed class Figures(FakePromptCache[] caches, int[] calls)
    {
        public double Cached { get; } = (double)caches.Sum(cache => cache.CachedTokens) / caches.Sum(cache => cache.Tokens);

        public double[] Load { get; } = [.. calls.Select(count => (double)count)];

        public double Deviation => Math.Sqrt(Load.Average(load => Math.Pow(load - Load.Average(), 2))) / Load.Average();
    }
}
