using System.Collections.Concurrent;
using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Conversations that a ready-made client keeps, and its caller goes on with by their id.</summary>
[Trait("Rule", "5")]
public class ConversationStaysWithItsOwnerTests
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Id_GoesBackToTheClientThatMadeIt(bool streaming)
    {
        using FakePool pool = new(3);
        Keep(pool, "conversation", at: 1);
        Assert.Equal("ab", await pool.AskManyAsync(2, streaming));

        string answers = "";
        for (int i = 0; i < 5; i++)
        {
            answers += await pool.AskAsync(streaming, On("conversation"));
        }

        Assert.Equal("bbbbb", answers);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Id_TakesNoTurn(bool streaming)
    {
        using FakePool pool = new(3);
        Keep(pool, "conversation", at: 1);
        Assert.Equal("ab", await pool.AskManyAsync(2, streaming));
        await pool.AskAsync(streaming, On("conversation"));

        Assert.Equal("cab", await pool.AskManyAsync(3, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task UnknownId_FollowsTheRotation(bool streaming)
    {
        using FakePool pool = new(3);
        Keep(pool, "conversation", at: 1);
        await pool.AskManyAsync(2, streaming);

        Assert.Equal("c", await pool.AskAsync(streaming, On("another")));
        Assert.Equal("a", await pool.AskAsync(streaming, On("another")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task IdNotFound_IsTheCallersFault_AndEjectsNoEndpoint(bool streaming)
    {
        using FakePool pool = new(3);
        Exception unknown = FakeFailure.Status(404);
        pool.Clients[0].Fails = unknown;

        Assert.Same(unknown, await Assert.ThrowsAnyAsync<Exception>(() => pool.AskAsync(streaming, On("made up"))));
        Assert.Equal([1, 0, 0], pool.Calls);
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OwnerUnavailable_WaitsForIt_AndCallsNoOther(bool streaming)
    {
        using FakePool pool = new(2);
        Keep(pool, "conversation", at: 0);
        await pool.AskAsync(streaming);
        pool.Clients[0].Plays(FakeFailure.RateLimited(Pause));
        Task<string> call = pool.AskAsync(streaming, On("conversation"));
        await Eventually.TrueAsync(() => pool.Waiting == 1);
        int[] before = pool.Calls;

        pool.Time.Advance(Pause - TimeSpan.FromMilliseconds(1));
        Assert.False(call.IsCompleted);
        Assert.Equal("b", await pool.AskAsync(streaming));
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal("a", await call);
        Assert.Equal([before[0] + 1, before[1] + 1], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OwnerUnavailableForTooLong_Fails_AndCallsNoOther(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = Pause);
        Keep(pool, "conversation", at: 0);
        await pool.AskAsync(streaming);
        Exception refusal = FakeFailure.RateLimited(2 * Pause);
        pool.Clients[0].Fails = refusal;

        Assert.Same(refusal, await Assert.ThrowsAnyAsync<Exception>(() => pool.AskAsync(streaming, On("conversation"))));
        EndpointsExhaustedException exhausted = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming, On("conversation")));
        Assert.Equal(2 * Pause, exhausted.RetryAfter);
        Assert.Equal([2, 0], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OwnerFailsOnce_IsCalledAgain(bool streaming)
    {
        using FakePool pool = new(2);
        Keep(pool, "conversation", at: 0);
        await pool.AskAsync(streaming);
        pool.Clients[0].Plays(FakeFailure.Status(500));
        Task<string> call = pool.AskAsync(streaming, On("conversation"));
        Assert.False(call.IsCompleted);

        pool.Time.Advance(TimeSpan.FromMilliseconds(500));

        Assert.Equal("a", await call);
        Assert.Equal([3, 0], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OwnerStalled_IsNotRelocated(bool streaming)
    {
        using FakePool pool = new(2);
        Keep(pool, "conversation", at: 0);
        await pool.AskAsync(streaming);
        pool.Clients[0].Hold();
        Task<string>[] kept = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync(streaming, On("conversation")))];
        Task<string> moved = AskInTurnAsync(pool, streaming);
        for (int i = 0; i < 100 && pool.StateOf(0) == EndpointState.Healthy; i++)
        {
            await AskAtAsync(pool, 1, streaming);
            pool.Time.Advance(i == 20 ? StallTest.LeastWait : TimeSpan.Zero);
        }

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        pool.Time.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal("b", await moved);
        Assert.Equal(3, pool.Clients[0].Running);
        foreach (HeldCall held in pool.Clients[0].Held)
        {
            held.Answer();
        }

        Assert.Equal(["a", "a", "a"], await Task.WhenAll(kept));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WithAffinity_StillGoesToItsOwner(bool streaming)
    {
        using FakePool pool = new(4, options => options.Affinity = EndpointAffinity.PromptCache);
        foreach (FakeChatClient client in pool.Clients)
        {
            Keep(client, client.Name);
        }

        foreach (FakeChatClient client in pool.Clients)
        {
            for (int i = 0; client.Calls == 0 && i < 100; i++)
            {
                await pool.AskAsync(streaming, prompt: $"{i}");
            }

            Assert.Equal(client.Name, await pool.AskAsync(streaming, On(client.Name)));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MappedModel_GoesToItsOwnerUnderThatName(bool streaming)
    {
        using FakePool pool = new(3, endpoint: (i, entry) =>
        {
            entry.DeploymentName = "small";
            if (i > 0)
            {
                entry.Deployments["large"] = $"large-{i}";
            }
        });
        List<string?> asked = [];
        Keep(pool, "conversation", at: 1, asked);
        Keep(pool, "of a", at: 0, asked);
        Assert.Equal("ab", await pool.AskManyAsync(2, streaming));

        Assert.Equal("b", await pool.AskAsync(streaming, On("conversation", model: "large")));
        Assert.Equal("a", await pool.AskAsync(streaming, On("of a", model: "large")));
        Assert.Equal([null, null, "large-1", "large"], asked);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PoolOfOne_GoesToTheOnlyEndpoint(bool streaming)
    {
        using FakePool pool = new(1);
        Keep(pool, "conversation", at: 0);

        Assert.Equal("aa", await pool.AskManyAsync(2, streaming));
        Assert.Equal("a", await pool.AskAsync(streaming, On("conversation")));
    }

    [Fact]
    public void BuiltEndpoints_IdIsIgnored()
    {
        using FakeChatClient other = new("other");
        RoundRobinOptions options = new() { DeploymentName = "gpt" };
        options.Endpoints.Add(new EndpointOptions { Name = "built", Endpoint = new Uri("https://built.openai.azure.com"), ApiKey = "key" });
        options.Endpoints.Add(new EndpointOptions { Name = "ready", ChatClient = other });
        using EndpointPool pool = new(ConfigurationResolver.ForPool(options));

        Assert.Equal([true, false], pool.Endpoints.Select(endpoint => endpoint.Conversations is null));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Dispose_WakesACallThatWaitsForItsOwner(bool streaming)
    {
        FakePool pool = new(2);
        Keep(pool, "conversation", at: 0);
        await pool.AskAsync(streaming);
        Exception refusal = FakeFailure.RateLimited(Pause);
        pool.Clients[0].Fails = refusal;
        Task<string> first = pool.AskAsync(streaming, On("conversation"));
        Task<string> second = pool.AskAsync(streaming, On("conversation"));
        await Eventually.TrueAsync(() => pool.Waiting == 2);

        pool.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => first);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => second);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => pool.AskAsync(streaming, On("conversation")));
        Assert.Equal(1, pool.Released);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ManyCallersAtOnce_IdsNeverReachAnotherClient(bool streaming)
    {
        using FakePool pool = new(4);
        int last = 0;
        int strange = 0;
        foreach (FakeChatClient client in pool.Clients)
        {
            ConcurrentDictionary<string, bool> known = new();
            string Turn(ChatOptions? options)
            {
                if (options?.ConversationId is { } id && !known.ContainsKey(id))
                {
                    Interlocked.Increment(ref strange);
                }

                string next = $"{client.Name}{Interlocked.Increment(ref last)}";
                known[next] = true;
                return next;
            }

            client.OnCall = async (_, options, _) =>
            {
                await Task.Yield();
                return Answer(client.Name, Turn(options));
            };
            client.OnStream = (_, options, token) => Updates(client.Name, Turn(options));
        }

        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            string? id = null;
            for (int turn = 0; turn < 50; turn++)
            {
                id = await IdOfAsync(pool.Client, id, streaming);
            }
        })));

        Assert.Equal(0, strange);
        Assert.Equal(16 * 50, pool.Calls.Sum());
    }

    private static async Task<string?> IdOfAsync(IChatClient client, string? id, bool streaming)
    {
        ChatOptions? options = id is null ? null : new ChatOptions { ConversationId = id };
        if (!streaming)
        {
            return (await client.GetResponseAsync("hi", options)).ConversationId;
        }

        string? next = null;
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync("hi", options))
        {
            next = update.ConversationId ?? next;
        }

        return next;
    }

    /// <summary>Asks until one call has gone to the given client and is held there.</summary>
    private static Task<string> AskInTurnAsync(FakePool pool, bool streaming)
    {
        int held = pool.Clients[0].Running;
        while (true)
        {
            Task<string> call = pool.AskAsync(streaming);
            if (pool.Clients[0].Running > held)
            {
                return call;
            }
        }
    }

    private static Task<string> AskAtAsync(FakePool pool, int index, bool streaming)
    {
        pool.Pool.Endpoints[index].Conversations!.Remember("there", pool.Pool.Endpoints[index].ChatClient!);
        return pool.AskAsync(streaming, On("there"));
    }

    private static ChatOptions On(string id, string? model = null) => new() { ConversationId = id, ModelId = model };

    private static void Keep(FakePool pool, string id, int at, List<string?>? asked = null) => Keep(pool.Clients[at], id, asked);

    /// <summary>From now on the client answers with the id; in a stream it comes with the last update.</summary>
    private static void Keep(FakeChatClient client, string id, List<string?>? asked = null)
    {
        client.OnCall = (_, options, _) =>
        {
            asked?.Add(options?.ModelId);
            return Task.FromResult(Answer(client.Name, id));
        };
        client.OnStream = (_, options, _) =>
        {
            asked?.Add(options?.ModelId);
            return Updates(client.Name, id);
        };
    }

    private static ChatResponse Answer(string text, string id)
    {
        ChatResponse response = FakeChatClient.Answer(text);
        response.ConversationId = id;
        return response;
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> Updates(string text, string id)
    {
        yield return new ChatResponseUpdate(ChatRole.Assistant, text);
        await Task.Yield();
        yield return new ChatResponseUpdate { ConversationId = id };
    }
}
