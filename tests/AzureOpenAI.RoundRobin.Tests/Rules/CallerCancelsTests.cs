using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>The caller cancels: judged by its token, never by the exception, and never counted against an endpoint.</summary>
[Trait("Rule", "5.3")]
public class CallerCancelsTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task BeforeTheCall_NoEndpointIsCalled(bool streaming)
    {
        using FakePool pool = new(2);
        using CancellationTokenSource source = new();
        await source.CancelAsync();

        OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pool.AskAsync(streaming, token: source.Token));

        Assert.Equal(source.Token, cancelled.CancellationToken);
        Assert.Equal([0, 0], pool.Calls);
        Assert.Equal("a", await pool.AskAsync(streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DuringTheAttempt_EjectsNoEndpoint_AndTriesNoOther(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        using CancellationTokenSource source = new();
        for (int i = 0; i < 4; i++)
        {
            using CancellationTokenSource caller = new();
            Task<string> call = pool.AskAsync(streaming, token: caller.Token);
            await caller.CancelAsync();

            OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
            Assert.Equal(caller.Token, cancelled.CancellationToken);
            Assert.Equal("b", await pool.AskAsync(streaming));
        }

        Assert.Equal([4, 4], pool.Calls);
        Assert.Equal((EndpointState.Healthy, 0L, 0), (pool.StateOf(0), pool.StatusOf(0).Failed, pool.InFlight));
    }

    public static TheoryData<string, bool> Thrown => new MatrixTheoryData<string, bool>(["429", "500", "io", "timeout", "oce"], [false, true]);

    [Theory]
    [MemberData(nameof(Thrown))]
    public async Task ClientThrowsSomethingElse_IsStillTheCallers(string kind, bool streaming)
    {
        using FakePool pool = new(2);
        using CancellationTokenSource caller = new();
        Exception thrown = kind switch
        {
            "429" => FakeFailure.Status(429),
            "500" => FakeFailure.Status(500),
            "io" => new IOException(),
            "timeout" => new TimeoutException(),
            _ => new OperationCanceledException(),
        };
        pool.Clients[0].OnCall = (_, _, _) =>
        {
            caller.Cancel();
            return Task.FromException<ChatResponse>(thrown);
        };
        pool.Clients[0].OnStream = (_, _, _) => new FakeStream
        {
            OnMove = _ =>
            {
                caller.Cancel();
                throw thrown;
            },
        };

        OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pool.AskAsync(streaming, token: caller.Token));

        Assert.Equal(caller.Token, cancelled.CancellationToken);
        Assert.Equal([1, 0], pool.Calls);
        Assert.Equal((EndpointState.Healthy, 0L), (pool.StateOf(0), pool.StatusOf(0).Failed));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task BetweenTwoAttempts_EndsTheCall(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Plays(FakeFailure.Status(500));
        using CancellationTokenSource caller = new();
        Task<string> call = pool.AskAsync(streaming, token: caller.Token);

        await caller.CancelAsync();

        OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.Equal(caller.Token, cancelled.CancellationToken);
        Assert.Equal(1, pool.Clients[0].Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AfterTheAnswer_ChangesNothing(bool streaming)
    {
        using FakePool pool = new(2);
        using CancellationTokenSource caller = new();

        Assert.Equal("a", await pool.AskAsync(streaming, token: caller.Token));
        await caller.CancelAsync();

        Assert.Equal("ba", await pool.AskManyAsync(2, streaming));
    }

    [Fact]
    public async Task MidStream_EndsTheStream_AndEjectsNoEndpoint()
    {
        using FakePool pool = new(2);
        using CancellationTokenSource caller = new();
        TaskCompletionSource never = new();
        pool.Clients[0].OnStream = (_, _, token) => new[] { new ChatResponseUpdate(ChatRole.Assistant, "x") }.ToAsyncEnumerable().Concat(NeverAsync(never.Task, token));
        await using IAsyncEnumerator<ChatResponseUpdate> updates = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: caller.Token).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        Assert.True(await updates.MoveNextAsync());
        ValueTask<bool> move = updates.MoveNextAsync();
        Assert.False(move.IsCompleted);

        await caller.CancelAsync();

        OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await move);
        Assert.True(cancelled.CancellationToken.IsCancellationRequested);
        await updates.DisposeAsync();
        Assert.Equal(1, pool.Clients[0].EnumeratorsDisposed);
        Assert.Equal((EndpointState.Healthy, 0L, 0), (pool.StateOf(0), pool.StatusOf(0).Failed, pool.InFlight));
        Assert.Equal(0, pool.Clients[1].Calls);
    }

    [Fact]
    public async Task ByTheTokenOfTheEnumerator_EndsTheStream()
    {
        using FakePool pool = new(2);
        using CancellationTokenSource enumerator = new();
        pool.Clients[0].Hold();
        await using IAsyncEnumerator<ChatResponseUpdate> updates = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: CancellationToken.None).GetAsyncEnumerator(enumerator.Token);
        ValueTask<bool> move = updates.MoveNextAsync();

        await enumerator.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await move);
        Assert.Equal(0, pool.StatusOf(0).Failed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task InTheQueue_LeavesIt_AndCostsNothingUpstream(bool streaming)
    {
        using FakePool pool = new(2);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)));
        }

        using CancellationTokenSource caller = new();
        Task<string> cancelled = pool.AskAsync(streaming, token: caller.Token);
        Task<string> other = pool.AskAsync(streaming);
        Assert.Equal(2, pool.Waiting);
        await caller.CancelAsync();

        OperationCanceledException failure = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        Assert.Equal(caller.Token, failure.CancellationToken);
        Assert.Equal(1, pool.Waiting);
        pool.Time.Advance(TimeSpan.FromSeconds(5));
        await other;
        Assert.Equal(3, pool.Calls.Sum());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task JustAsTheQueueReleasesIt_LeavesNothingRunning_AndCountsForNoEndpoint(bool streaming)
    {
        using FakePool pool = new(1);
        using CancellationTokenSource source = new();
        pool.Clients[0].Fails = FakeFailure.Refused();
        Task<string> call = pool.AskAsync(streaming, token: source.Token);
        await pool.SettleAsync();
        pool.Clients[0].Fails = null;
        Assert.Equal((1, 1), (pool.Waiting, pool.Clients[0].Calls));
        // Callbacks run last come first, so it is let go as a probe before it hears that its caller gave up.
        using CancellationTokenRegistration first = source.Token.Register(() => pool.Time.Advance(TimeSpan.FromSeconds(0.5)));

        await source.CancelAsync();

        OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.Equal(source.Token, cancelled.CancellationToken);
        Assert.Equal(1, pool.Clients[0].Calls);
        Assert.Equal(0, pool.Pool.CountRunning());
        Assert.Equal(EndpointState.Probing, pool.StateOf(0));
        Assert.Equal("a", await pool.AskAsync(streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AfterTheCall_NoRegistrationsAreLeftOnTheToken(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        pool.Clients[1].Hold();
        using CancellationTokenSource caller = new();
        for (int i = 0; i < 10; i++)
        {
            Task<string> call = pool.AskAsync(streaming, token: caller.Token);
            pool.Clients[i % 2].Held[^1].Answer();
            await call;
        }

        Task<string> later = pool.AskAsync(streaming, token: CancellationToken.None);
        await caller.CancelAsync();

        Assert.All(pool.Clients.SelectMany(client => client.Held), held => Assert.False(held.Token.IsCancellationRequested));
        pool.Clients[0].Held[^1].Answer();
        Assert.Equal("a", await later);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ManyThreads_NeverTouchesAnotherCall(bool streaming)
    {
        using FakePool pool = new(3);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.OnCall = async (_, _, token) =>
            {
                await Task.Yield();
                token.ThrowIfCancellationRequested();
                return FakeChatClient.Answer(client.Name);
            };
            client.OnStream = (_, _, token) => Yielding(client.Name, token);
        }

        int cancelled = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(async () =>
        {
            for (int i = 0; i < 300; i++)
            {
                using CancellationTokenSource caller = new();
                Task<string> call = pool.AskAsync(streaming, token: caller.Token);
                if ((i + thread) % 2 == 0)
                {
                    await caller.CancelAsync();
                }

                try
                {
                    Assert.NotEmpty(await call);
                }
                catch (OperationCanceledException)
                {
                    Assert.True(caller.IsCancellationRequested);
                    Interlocked.Increment(ref cancelled);
                }
            }
        })));

        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L, 0), (status.State, status.Failed, status.InFlight)));
        Assert.InRange(cancelled, 0, 1200);
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> Yielding(string text, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken token)
    {
        await Task.Yield();
        token.ThrowIfCancellationRequested();
        yield return new ChatResponseUpdate(ChatRole.Assistant, text);
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> NeverAsync(Task never, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken token)
    {
        await never.WaitAsync(token);
        yield break;
    }
}
