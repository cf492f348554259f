using System.Reflection;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Another configuration while the pool runs: who stays as it was, who joins, who leaves, and what becomes of the calls.</summary>
public class UpdateTests
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneThatLeaves_GetsNoNewCall_AndEndsThoseItHas(bool streaming)
    {
        FakeLogCollector logs = new();
        using ILoggerFactory factory = Collecting(logs);
        using FakePool pool = new(3, loggerFactory: factory);
        pool.Clients[2].Hold();
        await pool.AskManyAsync(2, streaming);
        Task<string> running = pool.AskAsync(streaming);

        pool.Update("ab");

        Assert.Equal("ababab", await pool.AskManyAsync(6, streaming));
        Assert.Equal([9], logs.GetSnapshot().Select(record => record.Id.Id));
        Assert.False(Assert.Single(pool.Clients[2].Held).Token.IsCancellationRequested);
        Assert.Equal(["a", "b"], pool.Pool.GetStatus().Select(status => status.Name));
        Assert.Equal(2, pool.Pool.Count);

        pool.Clients[2].Held[0].Answer("late");

        Assert.Equal("late", await running);
        Assert.Equal([9, 11], logs.GetSnapshot().Select(record => record.Id.Id));
        Assert.Contains("'c'", logs.LatestRecord.Message, StringComparison.Ordinal);
        Assert.Equal(1, pool.Calls[2]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneThatJoins_HasItsShareFromTheNextCallOn(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Update("ab");
        await pool.AskInTurnOfAsync(0, streaming);

        pool.Update("abc");

        Assert.Equal("bcabca", await pool.AskManyAsync(6, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneThatStays_CoolsOnAndKeepsItsCounts(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Plays(FakeFailure.RateLimited(Pause));
        await pool.AskManyAsync(4, streaming);
        await pool.AdvanceAsync(5);

        pool.Update("cba", endpoint: (_, entry) => entry.Weight = 2);

        EndpointStatus status = pool.Pool.GetStatus()[2];
        Assert.Equal(("a", EndpointState.Unavailable, TimeSpan.FromSeconds(15)), (status.Name, status.State, status.ReadyIn));
        Assert.Equal((1, 1), (status.Failed, status.RateLimited));
        Assert.Equal(4, pool.Pool.GetStatus().Sum(one => one.Answered));
        await pool.AskManyAsync(4, streaming);
        Assert.Equal(1, pool.Calls[0]);
        await pool.AdvanceAsync(15);
        await pool.AskManyAsync(3, streaming);
        Assert.True(pool.Calls[0] > 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WeightsAndPriorities_CountFromTheNextCallOn(bool streaming)
    {
        using FakePool pool = new(3);
        await pool.AskManyAsync(3, streaming);

        pool.Update("abc", endpoint: (i, entry) => entry.Weight = i == 0 ? 5 : 1);
        string weighted = await pool.AskManyAsync(14, streaming);
        pool.Update("abc", endpoint: (i, entry) => entry.Priority = i);

        Assert.Equal([10, 2, 2], "abc".Select(name => weighted.Count(answer => answer == name)));
        Assert.Equal("aaaa", await pool.AskManyAsync(4, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheSameAgain_ChangesNothing(bool streaming)
    {
        FakeLogCollector logs = new();
        using ILoggerFactory factory = Collecting(logs);
        using FakePool pool = new(3, loggerFactory: factory);
        string answers = "";
        for (int i = 0; i < 9; i++)
        {
            answers += await pool.AskAsync(streaming);
            pool.Update("abc");
        }

        Assert.Equal("abcabcabc", answers);
        Assert.Empty(logs.GetSnapshot());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CallsThatWait_GoToTheOneThatJoins(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Update("ab");
        pool.Clients[0].Plays(FakeFailure.RateLimited(Pause));
        pool.Clients[1].Plays(FakeFailure.RateLimited(Pause));
        Task<string>[] waiting = [pool.AskAsync(streaming), pool.AskAsync(streaming)];
        await pool.SettleAsync();
        Assert.Equal(2, pool.Waiting);

        pool.Update("abc");

        Assert.Equal(["c", "c"], await Task.WhenAll(waiting));
        Assert.Equal([1, 1, 2], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACall_WhoseEndpointLeftAndFailed_GoesOnAtThoseThatAreThereNow(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Hold();
        Task<string> running = pool.AskAsync(streaming);

        pool.Update("c");
        pool.Clients[0].Held[0].Fail(FakeFailure.Reset());

        Assert.Equal("c", await running);
        Assert.Equal([1, 0, 1], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CallsThatWaitForAModel_ThatNobodyMapsAnyMore_AreToldSo(bool streaming)
    {
        using FakePool pool = new(2, endpoint: Maps);
        pool.Clients[0].Plays(FakeFailure.RateLimited(Pause));
        pool.Clients[1].Plays(FakeFailure.RateLimited(Pause));
        Task<string> large = pool.AskAsync(streaming, new() { ModelId = "large" });
        await pool.SettleAsync();

        pool.Update("ab", endpoint: (_, entry) => entry.DeploymentName = "small");

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => large);
        Assert.StartsWith("The configuration has changed", failure.Message, StringComparison.Ordinal);
        Assert.Equal(2, failure.Attempts.Count);
        // Whoever asks now gets what a classic endpoint answers to any name.
        Assert.Equal("a", await pool.AskAsync(streaming, new() { ModelId = "large" }));
    }

    [Fact]
    public async Task AStreamThatWasAskedForBefore_AndIsReadAfter_IsToldSoToo()
    {
        using FakePool pool = new(2, endpoint: (_, entry) => (entry.DeploymentName, entry.Deployments["large"]) = ("small", "small"));
        IAsyncEnumerable<ChatResponseUpdate> stream = pool.Client.GetStreamingResponseAsync("hi", new() { ModelId = "large" }, TestContext.Current.CancellationToken);

        pool.Update("ab", endpoint: (_, entry) => entry.DeploymentName = "small");

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => stream.ToChatResponseAsync(TestContext.Current.CancellationToken));
        Assert.StartsWith("The configuration has changed", failure.Message, StringComparison.Ordinal);
        Assert.Equal(0, pool.Calls.Sum());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACallForAModel_ThatIsMappedNow_FindsIt(bool streaming)
    {
        using FakePool pool = new(2, endpoint: (_, entry) => entry.DeploymentName = "small");
        List<string?> asked = [];
        pool.Clients[0].OnCall = (_, options, _) => Note(options, () => Task.FromResult(FakeChatClient.Answer("a")));
        pool.Clients[0].OnStream = (_, options, token) => Note(options, () => FakeChatClient.Updates(token, "a"));
        await pool.AskAsync(streaming, new() { ModelId = "large" });

        pool.Update("ab", endpoint: (i, entry) =>
        {
            entry.DeploymentName = "small";
            if (i == 0)
            {
                entry.Deployments["large"] = "large-at-a";
            }
        });
        Assert.Equal("aa", await pool.AskAsync(streaming, new() { ModelId = "large" }) + await pool.AskAsync(streaming, new() { ModelId = "large" }));

        Assert.Equal(["large", "large-at-a", "large-at-a"], asked);

        T Note<T>(ChatOptions? options, Func<T> answer)
        {
            asked.Add(options?.ModelId);
            return answer();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AConfigurationAtFault_IsRefusedWhole(bool streaming)
    {
        using FakePool pool = new(3);

        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(() => pool.Update("ab", options => options.MaxAttempts = 0, (_, entry) => entry.Weight = 0));

        Assert.Equal(3, fault.Failures.Count());
        Assert.Equal("abcabc", await pool.AskManyAsync(6, streaming));
        Assert.Equal(3, pool.Pool.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task HowCallsBehave_FollowsToo(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.RateLimited(Pause);
        pool.Clients[1].Fails = FakeFailure.RateLimited(Pause);

        pool.Update("ab", options => options.MaxWait = TimeSpan.Zero);

        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        pool.Update("ab", options => (options.MaxWait, options.MaxAttempts) = (TimeSpan.FromMinutes(1), 1));
        await pool.AdvanceAsync(Pause);
        await Assert.ThrowsAsync<System.ClientModel.ClientResultException>(() => pool.AskAsync(streaming));
        Assert.Equal(3, pool.Calls.Sum());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ConfiguredLimits_AreTakenOver_WithWhatWasUsed(bool streaming)
    {
        using FakePool pool = new(2, endpoint: (i, entry) => entry.RequestsPerMinute = i == 0 ? 240 : null);
        await pool.AskManyAsync(4, streaming);
        Assert.Equal([2, 2], pool.Calls);

        // Three a second, of which two are used.
        pool.Update("ab", endpoint: (i, entry) => entry.RequestsPerMinute = i == 0 ? 180 : null);
        await pool.AskManyAsync(6, streaming);
        Assert.Equal([3, 7], pool.Calls);

        pool.Update("ab");
        await pool.AskManyAsync(4, streaming);
        Assert.Equal([5, 9], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Affinity_ThatIsSwitchedOnAndOff_WhileTheEndpointsStay_IsFollowed(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Update("abc", options => options.Affinity = EndpointAffinity.PromptCache);
        string[] homes = await AskEachAsync(pool, streaming);
        // By shares, not by chance.
        Assert.NotNull(pool.Pool.DefaultGroup.Homes);
        Assert.All(homes.CountBy(static home => home), static share => Assert.InRange(share.Value, 1, 22));
        Assert.Equal(homes, await AskEachAsync(pool, streaming));

        pool.Update("abc");

        Assert.Null(pool.Pool.DefaultGroup.Homes);
        Assert.Equal(["a", "b", "c"], (await AskEachAsync(pool, streaming))[..3].Order());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Conversations_WhoseHomeStays_StayThere(bool streaming)
    {
        using FakePool pool = new(4, options => options.Affinity = EndpointAffinity.PromptCache);
        pool.Update("abc", options => options.Affinity = EndpointAffinity.PromptCache);
        string[] before = await AskEachAsync(pool, streaming);

        pool.Update("abcd", options => options.Affinity = EndpointAffinity.PromptCache);
        Assert.Equal(before, await AskEachAsync(pool, streaming));

        pool.Update("bcd", options => options.Affinity = EndpointAffinity.PromptCache);
        string[] after = await AskEachAsync(pool, streaming);
        Assert.Equal(before.Where(home => home != "a"), after.Where((_, i) => before[i] != "a"));
        Assert.Equal(3, after.Distinct().Count());

        pool.Update("bcd");
        Assert.Equal(["b", "c", "d"], (await AskEachAsync(pool, streaming))[..3].Order());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AConversation_WhoseClientLeft_IsOneThatNobodyKnows(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].OnCall = (_, _, _) =>
        {
            ChatResponse answer = FakeChatClient.Answer("a");
            answer.ConversationId = "kept";
            return Task.FromResult(answer);
        };
        await pool.AskAsync();
        Assert.Equal("a", await pool.AskAsync(options: new() { ConversationId = "kept" }));

        pool.Update("bc");

        Assert.Equal("b", await pool.AskAsync(streaming, new() { ConversationId = "kept" }));
        pool.Update("b");
        Assert.Equal("b", await pool.AskAsync(streaming, new() { ConversationId = "kept" }));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AConversation_OutlivesATimeInWhichOneClientIsAlone(bool streaming)
    {
        using FakePool pool = new(3);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.OnCall = (_, _, _) =>
            {
                ChatResponse answer = FakeChatClient.Answer(client.Name);
                answer.ConversationId = $"of {client.Name} {client.Calls}";
                return Task.FromResult(answer);
            };
        }

        Assert.Equal("abc", await pool.AskManyAsync(3));
        pool.Update("a");
        await pool.AskAsync();
        pool.Update("abc");

        foreach (string id in (string[])["of a 1", "of a 2", "of b 1", "of c 1"])
        {
            Assert.Equal(id[3..4], await pool.AskAsync(streaming, new() { ConversationId = id }));
            Assert.Equal(id[3..4], await pool.AskAsync(streaming, new() { ConversationId = id }));
        }
    }

    [Fact]
    public async Task OneThatLeaves_IsNotToldOfAnyMore()
    {
        FakeLogCollector logs = new();
        using ILoggerFactory factory = Collecting(logs);
        using FakePool pool = new(3, loggerFactory: factory);
        pool.Clients[0].Hold();
        Task<string> running = pool.AskAsync();

        pool.Update("bc");
        pool.Clients[0].Held[0].Fail(FakeFailure.RateLimited(Pause));
        await running;

        Assert.Equal([9, 11], logs.GetSnapshot().Select(record => record.Id.Id));
        Assert.Equal("The configuration has changed. Endpoints that joined: none; left: 'a'; changed: none.", logs.GetSnapshot()[0].Message);
    }

    [Fact]
    public async Task OneThatComesBack_IsANewOne()
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(FakeFailure.RateLimited(Pause));
        await pool.AskManyAsync(2);

        pool.Update("b");
        pool.Update("ab");

        Assert.Equal((EndpointState.Healthy, 0L), (pool.StateOf(0), pool.StatusOf(0).Failed));
        Assert.Equal(["a", "b"], (await pool.AskManyAsync(2)).Select(answer => answer.ToString()).Order());
    }

    [Fact]
    public async Task TheCountOfCalls_GoesOn_WhateverGroupsComeAndGo()
    {
        using FakePool pool = new(3, endpoint: Maps, start: 12345);
        await pool.AskManyAsync(5);
        await pool.AskAsync(options: new() { ModelId = "large" });
        uint before = pool.Pool.Routes.Members.CallsBegun();

        pool.Update("ab");
        Assert.Equal(before, pool.Pool.Routes.Members.CallsBegun());
        pool.Update("abc", endpoint: Maps);
        Assert.Equal(before, pool.Pool.Routes.Members.CallsBegun());

        await pool.AskManyAsync(2);
        Assert.Equal(before + 2, pool.Pool.Routes.Members.CallsBegun());
    }

    [Fact]
    public void Update_OfADisposedPool_Throws()
    {
        using FakePool pool = new(2);
        pool.Dispose();

        Assert.Throws<ObjectDisposedException>(() => pool.Update("a"));
        Assert.Throws<ArgumentNullException>(() => pool.Pool.Update(null!));
    }

    [Fact]
    public async Task AnUpdatedPool_LetsGoOnceWhenItsLastCallEnds_WhereverThatRuns()
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string> running = pool.AskAsync();
        pool.Update("b");

        pool.Dispose();
        Assert.Equal(0, pool.Released);
        pool.Clients[0].Held[0].Answer();

        await running;
        Assert.Equal(1, pool.Released);
    }

    [Fact]
    public void AChatClient_DoesNotJoinAPoolThatMakesEmbeddings()
    {
        using ServicePool pool = new(["one"]);
        using RoundRobinEmbeddingGenerator generator = new(pool.Pool, leaveOpen: true);
        RoundRobinOptions options = new() { Endpoints = { new() { Name = "ready", ChatClient = new FakeChatClient() } } };

        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(() => pool.Pool.Update(options));

        Assert.Contains("'ready'", fault.Message, StringComparison.Ordinal);
        Assert.Equal("one", Assert.Single(pool.Pool.GetStatus()).Name);
    }

    private static void Maps(int i, EndpointOptions entry)
    {
        entry.DeploymentName = "small";
        entry.Deployments["large"] = $"large-{i}";
    }

    private static async Task<string[]> AskEachAsync(FakePool pool, bool streaming)
    {
        string[] answers = new string[60];
        for (int i = 0; i < answers.Length; i++)
        {
            answers[i] = await pool.AskAsync(streaming, prompt: $"conversation {i}");
        }

        return answers;
    }

    [Fact]
    public async Task AStream_FromBeforeTheAffinityWasTurnedOff_IsAnsweredAllTheSame()
    {
        using FakePool pool = new(2, options => options.Affinity = EndpointAffinity.PromptCache);
        IAsyncEnumerable<ChatResponseUpdate> stream = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken);
        pool.Update("ab");

        Assert.NotEmpty((await stream.ToChatResponseAsync(TestContext.Current.CancellationToken)).Text);
    }

    [Fact]
    public async Task AnUpdate_ThatMeetsTheDisposal_LeavesRunningCallsTheirTransport()
    {
        RoundRobinOptions options = new() { DeploymentName = "gpt" };
        options.Endpoints.Add(new EndpointOptions { Endpoint = new Uri("https://one.openai.azure.com"), ApiKey = "secret" });
        EndpointPool pool = new(options);
        TaskCompletionSource<int> running = new();
        Task<int> call = pool.InvokeAsync((_, _) => running.Task, cancellationToken: TestContext.Current.CancellationToken);
        FieldInfo field = typeof(EndpointPool).GetField("_ownTransport", BindingFlags.NonPublic | BindingFlags.Instance)!;
        HttpClient transport = Assert.IsType<HttpClient>(field.GetValue(pool));
        DisposingMonitor monitor = new(pool, options);
        pool.Follow(monitor, "");

        monitor.Changed!(options, "");

        // Would throw if it were disposed.
        transport.CancelPendingRequests();
        running.SetResult(1);
        Assert.Equal(1, await call);
        Assert.Throws<ObjectDisposedException>(transport.CancelPendingRequests);
    }


    private static LoggerFactory Collecting(FakeLogCollector logs) => new([new FakeLoggerProvider(logs)]);

    /// <summary>Options that are read as somebody else disposes the pool.</summary>
    private sealed class DisposingMonitor(EndpointPool pool, RoundRobinOptions options) : IOptionsMonitor<RoundRobinOptions>
    {
        public Action<RoundRobinOptions, string?>? Changed { get; private set; }

        public RoundRobinOptions CurrentValue => Get(null);

        public RoundRobinOptions Get(string? name)
        {
            pool.Dispose();
            return options;
        }

        public IDisposable? OnChange(Action<RoundRobinOptions, string?> listener)
        {
            Changed = listener;
            return null;
        }
    }
}
