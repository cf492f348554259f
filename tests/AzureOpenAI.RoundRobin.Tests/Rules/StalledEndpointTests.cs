using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>An endpoint that takes calls and does not answer: when it is taken for silent, how it comes back, and what becomes of its calls.</summary>
public class StalledEndpointTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnEndpoint_ThatAnswersNothingWhileTheOtherDoes_FallsSilent(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();

        Task<string>[] calls = Ask(pool, 60, streaming);

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        Assert.IsType<TimeoutException>(pool.EndpointAt(0).LastFailure!.Exception);
        Assert.InRange(pool.Clients[0].Calls, 20, 28);
        await AnswerAllAsync(pool, calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnEndpoint_ThatStillAnswersItsOldCalls_FallsSilentAllTheSame(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] old = Ask(pool, 24, streaming);
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        HeldCall[] held = pool.Clients[0].Held;
        Task<string>[] calls = [];
        foreach (HeldCall one in held)
        {
            one.Answer();
            calls = [.. calls, .. Ask(pool, 6, streaming)];
        }

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        await AnswerAllAsync(pool, [.. old, .. calls]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnEndpoint_ThatAnswersSomeOfItsYoungCalls_StaysIn(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = [];
        for (int i = 0; i < 20; i++)
        {
            calls = [.. calls, .. Ask(pool, 16, streaming)];
            pool.Clients[0].Held[^2].Answer();
            Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        }

        Assert.Equal(pool.Clients[1].Calls, pool.Clients[0].Calls);
        await AnswerAllAsync(pool, calls);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(400)]
    public async Task ARefusal_IsASignOfLife(int status)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = [];
        for (int i = 0; i < 10; i++)
        {
            calls = [.. calls, .. Ask(pool, 16, streaming: false)];
            pool.Clients[0].Held[^1].Fail(FakeFailure.Status(status, ("retry-after-ms", "1")));
            pool.Time.Advance(TimeSpan.FromMilliseconds(2));
            Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        }

        AnswerAll(pool.Clients[0]);
        await EndAsync(calls);
    }

    [Fact]
    public async Task ARefusal_ThatIsThereAtOnce_IsASignOfLife()
    {
        using FakePool pool = new(2);
        FakeChatClient client = pool.Clients[0];
        client.Hold();
        Func<IEnumerable<ChatMessage>, ChatOptions?, CancellationToken, Task<ChatResponse>> hold = client.OnCall;
        client.OnCall = (messages, options, token) =>
            client.Calls % 8 == 0 ? Task.FromException<ChatResponse>(FakeFailure.Status(400)) : hold(messages, options, token);

        Task<string>[] calls = Ask(pool, 160, streaming: false);

        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        Assert.Equal(80, client.Calls);
        AnswerAll(client);
        await EndAsync(calls);
        Assert.Equal(10, calls.Count(call => call.IsFaulted));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ARefusal_OfAnOldCall_IsNoSignOfLife(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] old = Ask(pool, 24, streaming);
        Task<string>[] calls = [];
        foreach (HeldCall one in pool.Clients[0].Held)
        {
            one.Fail(FakeFailure.Status(400));
            calls = [.. calls, .. Ask(pool, 6, streaming)];
        }

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        await EndAsync(old);
        await AnswerAllAsync(pool, calls);
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    public async Task AnEndpoint_WhereThreeCallsWait_IsTakenForSilent(int waiting, bool streaming)
    {
        // It takes so many a second and time stands still, so that no other comes to it.
        using FakePool pool = new(2, endpoint: (i, entry) => entry.RequestsPerMinute = i == 0 ? 60 * waiting : null);
        pool.Clients[0].Hold();
        List<Task<string>> calls = [];
        for (int i = 0; i < 300; i++)
        {
            calls.Add(pool.AskAsync(streaming));
        }

        Assert.Equal((waiting, 300 - waiting), (pool.Clients[0].Calls, pool.Clients[1].Calls));
        Assert.Equal(waiting == 3 ? EndpointState.Unavailable : EndpointState.Healthy, pool.StateOf(0));
        foreach (HeldCall held in pool.Clients[0].Held)
        {
            held.Answer();
        }

        await Task.WhenAll(calls);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task AnEndpoint_WhereThreeCallsWait_IsTakenForSilentByAnswersThatAreThereAtOnce(int waiting)
    {
        // One turn in 401 is its own.
        using FakePool pool = new(5, endpoint: (i, entry) => entry.Weight = i == 0 ? 1 : 100);
        pool.Clients[0].Hold();

        Task<string>[] calls = Ask(pool, (401 * waiting) + 40, streaming: false);

        Assert.Equal(waiting, pool.Clients[0].Calls);
        Assert.Equal(waiting == 3 ? EndpointState.Unavailable : EndpointState.Healthy, pool.StateOf(0));
        await AnswerAllAsync(pool, calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ASilentEndpoint_IsBackWithAnAnswerToOneOfItsYoungerCalls(bool streaming)
    {
        (FakePool pool, Task<string>[] calls) = Silent(streaming, longest: TimeSpan.FromSeconds(40));
        using (pool)
        {
            HeldCall[] held = pool.Clients[0].Held;
            held[0].Answer();
            held[(held.Length / 2) - 2].Answer();
            Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));

            int before = pool.Clients[0].Calls;
            held[^1].Answer();

            calls = [.. calls, .. Ask(pool, 2, streaming)];
            Assert.Equal(before + 1, pool.Clients[0].Calls);
            Assert.Equal(EndpointState.Recovering, pool.StateOf(0));
            await AnswerAllAsync(pool, calls);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ASilentEndpoint_IsBackWithAProbeThatIsAnswered_AndNotBefore(bool streaming)
    {
        (FakePool pool, Task<string>[] calls) = Silent(streaming, longest: TimeSpan.FromSeconds(40));
        using (pool)
        {
            pool.Time.Advance(pool.StatusOf(0).ReadyIn!.Value);
            int before = pool.Clients[0].Calls;
            Task<string>[] probe = Ask(pool, 4, streaming);
            Assert.Equal(before + 1, pool.Clients[0].Calls);
            pool.Time.Advance(TimeSpan.FromSeconds(3));
            Assert.Equal(EndpointState.Probing, pool.StateOf(0));

            pool.Clients[0].Held[^1].Answer();

            Assert.Equal(EndpointState.Recovering, pool.StateOf(0));
            await AnswerAllAsync(pool, [.. calls, .. probe]);
        }
    }

    [Fact]
    public async Task ASilentEndpoint_IsNotBackWithTheBeginningOfAStream()
    {
        (FakePool pool, Task<string>[] calls) = Silent(streaming: true, longest: TimeSpan.FromSeconds(40));
        using (pool)
        {
            TaskCompletionSource gate = new();
            HeldCall[] held = pool.Clients[0].Held;
            pool.Clients[0].OnStream = (_, _, _) => StreamAsync(gate.Task);
            pool.Time.Advance(pool.StatusOf(0).ReadyIn!.Value);
            Task<string>[] probe = Ask(pool, 4, streaming: true);
            Assert.Equal(EndpointState.Probing, pool.StateOf(0));

            gate.SetResult();

            Assert.Equal(EndpointState.Recovering, pool.StateOf(0));
            Array.ForEach(held, call => call.Answer());
            await Task.WhenAll([.. calls, .. probe]);
        }

        static async IAsyncEnumerable<ChatResponseUpdate> StreamAsync(Task gate)
        {
            yield return new ChatResponseUpdate(ChatRole.Assistant, "so far ");
            await gate;
            yield return new ChatResponseUpdate(ChatRole.Assistant, "and on") { FinishReason = ChatFinishReason.Stop };
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task StuckCalls_AreMovedOldestFirst_AtThePaceOfTheBudget(bool streaming, bool leaves)
    {
        (FakePool pool, Task<string>[] calls) = Silent(streaming, longest: TimeSpan.FromSeconds(1));
        using (pool)
        {
            if (leaves)
            {
                // An operator takes out what hangs.
                pool.Update("b");
            }

            HeldCall[] held = pool.Clients[0].Held;
            pool.Time.Advance(TimeSpan.FromSeconds(1.9));
            Assert.Equal(held.Length, pool.Clients[0].Running);

            pool.Time.Advance(TimeSpan.FromSeconds(0.2));
            await pool.SettleAsync();

            int moved = held.Count(call => call.Token.IsCancellationRequested);
            Assert.InRange(moved, 10, 13);
            Assert.All(held[..moved], call => Assert.True(call.Token.IsCancellationRequested));
            for (int i = 0; i < 20; i++)
            {
                pool.Time.Advance(TimeSpan.FromSeconds(0.1));
                await pool.SettleAsync();
            }

            Assert.Equal(0, pool.Clients[0].Running);
            Assert.All(await Task.WhenAll(calls), answer => Assert.Equal("b", answer));
        }
    }

    [Fact]
    public async Task ACall_IsMovedOnce()
    {
        using FakePool pool = new(3);
        await TimeAnAnswerAsync(pool, TimeSpan.FromSeconds(1));
        pool.Clients[0].Hold();
        Task<string>[] calls = Ask(pool, 120, streaming: false);
        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        HeldCall first = pool.Clients[0].Held[0];
        pool.Clients[1].Hold();
        pool.Clients[2].Hold();

        pool.Time.Advance(TimeSpan.FromSeconds(2.1));
        await pool.SettleAsync();
        Assert.True(first.Token.IsCancellationRequested);
        HeldCall again = pool.Clients[1].Held[0];
        pool.Clients[2].OnCall = (_, _, _) => Task.FromResult(FakeChatClient.Answer("c"));
        Task<string>[] more = [];
        while (pool.StateOf(1) != EndpointState.Unavailable)
        {
            Assert.True(more.Length < 300);
            more = [.. more, .. Ask(pool, 1, streaming: false)];
        }

        for (int i = 0; i < 50; i++)
        {
            pool.Time.Advance(TimeSpan.FromSeconds(0.2));
        }

        Assert.False(again.Token.IsCancellationRequested);
        Assert.Contains(pool.Clients[1].Held, call => call.Token.IsCancellationRequested);
        AnswerAll(pool.Clients[0]);
        AnswerAll(pool.Clients[1]);
        AnswerAll(pool.Clients[2]);
        await Task.WhenAll([.. calls, .. more]);
    }

    [Fact]
    public async Task AStream_WithContent_IsNeverMoved()
    {
        using FakePool pool = new(2);
        await TimeAnAnswerAsync(pool, TimeSpan.FromSeconds(1));
        List<CancellationToken> tokens = [];
        int passedOn = 0;
        TaskCompletionSource first = new();
        TaskCompletionSource gate = new();
        pool.Clients[0].OnStream = (_, _, token) => StreamAsync(token);
        Task<string>[] streams = Ask(pool, 6, streaming: true);
        Assert.Equal(3, tokens.Count);
        first.SetResult();
        await Eventually.TrueAsync(() => Volatile.Read(ref passedOn) == 3);
        pool.Clients[0].Hold();
        Task<string>[] calls = Ask(pool, 80, streaming: true);
        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));

        for (int i = 0; i < 30; i++)
        {
            pool.Time.Advance(TimeSpan.FromSeconds(0.3));
            await pool.SettleAsync(paused: 3);
        }

        Assert.Equal(0, pool.Clients[0].Running);
        Assert.All(tokens, token => Assert.False(token.IsCancellationRequested));
        gate.SetResult();
        Assert.Equal(3, (await Task.WhenAll(streams)).Count(text => text == "so far and on"));
        await Task.WhenAll(calls);

        async IAsyncEnumerable<ChatResponseUpdate> StreamAsync([EnumeratorCancellation] CancellationToken token)
        {
            tokens.Add(token);
            await first.Task;
            yield return new ChatResponseUpdate(ChatRole.Assistant, "so far ");
            Interlocked.Increment(ref passedOn);
            await gate.Task;
            yield return new ChatResponseUpdate(ChatRole.Assistant, "and on");
        }
    }

    [Fact]
    public async Task AStream_WhoseFirstUpdateHasNoContent_IsNoSignOfLife()
    {
        using FakePool pool = new(2);
        await TimeAnAnswerAsync(pool, TimeSpan.FromSeconds(1));
        pool.Clients[0].OnStream = (_, _, token) => StreamAsync(token);

        Task<string>[] calls = Ask(pool, 80, streaming: true);

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        while (!Array.TrueForAll(calls, call => call.IsCompleted))
        {
            pool.Time.Advance(TimeSpan.FromSeconds(0.5));
            await Task.Yield();
        }

        Assert.All(await Task.WhenAll(calls), answer => Assert.Equal("b", answer));

        async IAsyncEnumerable<ChatResponseUpdate> StreamAsync([EnumeratorCancellation] CancellationToken token)
        {
            yield return new ChatResponseUpdate(ChatRole.Assistant, []);
            await Task.Delay(Timeout.InfiniteTimeSpan, pool.Time, token);
        }
    }

    [Theory]
    [InlineData(null)]
    // With a limit each pick looks for room, so that no attempt is begun by the quick way.
    [InlineData(600_000)]
    public async Task AnOperationOfTheUsers_IsNeverMoved(int? requestsPerMinute)
    {
        using ServicePool pool = new(["a", "b"], (_, entry) => entry.RequestsPerMinute = requestsPerMinute);
        TaskCompletionSource<int> gate = new();
        List<CancellationToken> tokens = [];
        Task<int>[] calls = [.. Enumerable.Range(0, 60).Select(_ => pool.Pool.InvokeAsync(
            (client, token) =>
            {
                if (client.EndpointName != "a")
                {
                    return Task.FromResult(0);
                }

                tokens.Add(token);
                return gate.Task;
            },
            cancellationToken: TestContext.Current.CancellationToken))];
        Assert.Equal(EndpointState.Unavailable, pool.StateOf("a"));

        for (int i = 0; i < 50; i++)
        {
            pool.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.All(tokens, token => Assert.False(token.IsCancellationRequested));
        gate.SetResult(0);
        await Task.WhenAll(calls);
    }

    [Fact]
    public async Task ACallThatRanOutOfTime_IsNoSignOfLife()
    {
        using FakePool pool = new(2, options => options.AttemptTimeout = TimeSpan.FromSeconds(5));
        pool.Clients[0].Hold();
        Task<string>[] calls = Ask(pool, 2, streaming: false);
        await pool.AdvanceAsync(4);
        calls = [.. calls, .. Ask(pool, 30, streaming: false)];
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));

        // The first one is over, and the count does not start anew for it.
        await pool.AdvanceAsync(1);
        calls = [.. calls, .. Ask(pool, 12, streaming: false)];

        Assert.Equal(OutcomeKind.Silent, pool.EndpointAt(0).Health.Reason);
        await AnswerAllAsync(pool, calls);
    }

    [Fact]
    public async Task TwoThatSlowDownTogether_LoseTheirTurnsTogether()
    {
        using FakePool pool = new(5);
        foreach (FakeChatClient client in pool.Clients)
        {
            TimeSpan takes = TimeSpan.FromSeconds(client.Name is "a" or "b" ? 1 : 0.05);
            client.OnCall = async (_, _, token) =>
            {
                await Task.Delay(takes, pool.Time, token).ConfigureAwait(false);
                return FakeChatClient.Answer(client.Name);
            };
        }

        await AskOneByOneAsync(600);
        int[] before = pool.Calls;
        await AskOneByOneAsync(140);

        // One turn in about 32 each, and the others have the rest evenly.
        Assert.Equal([4, 4, 132], [pool.Calls[0] - before[0], pool.Calls[1] - before[1], pool.Calls[2..].Sum() - before[2..].Sum()]);

        // Where nobody else is left they have all turns.
        Array.ForEach(pool.Clients[2..], client => client.Fails = FakeFailure.Refused());
        before = pool.Calls;
        await AskOneByOneAsync(10);
        Assert.Equal(10, pool.Calls[..2].Sum() - before[..2].Sum());

        async Task AskOneByOneAsync(int count)
        {
            for (int i = 0; i < count; i++)
            {
                Task<string> call = pool.AskAsync();
                while (!call.IsCompleted)
                {
                    pool.Time.Advance(TimeSpan.FromMilliseconds(50));
                    await Task.Yield();
                }

                await call;
            }
        }
    }

    private static (FakePool Pool, Task<string>[] Calls) Silent(bool streaming, TimeSpan? longest = null)
    {
        FakePool pool = new(2);
        if (longest is { } took)
        {
            Task timed = TimeAnAnswerAsync(pool, took, streaming);
            Assert.True(timed.IsCompletedSuccessfully);
        }

        pool.Clients[0].Hold();
        Task<string>[] calls = [];
        for (int i = 0; i < 80; i++)
        {
            calls = [.. calls, .. Ask(pool, 1, streaming)];
            pool.Time.Advance(TimeSpan.FromMilliseconds(0.1));
        }

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        return (pool, calls);
    }

    /// <summary>Gives the last endpoint one answer that takes so long, the longest that the pool has seen.</summary>
    private static async Task TimeAnAnswerAsync(FakePool pool, TimeSpan took, bool streaming = false)
    {
        FakeChatClient last = pool.Clients[^1];
        Func<IEnumerable<ChatMessage>, ChatOptions?, CancellationToken, Task<ChatResponse>> before = last.OnCall;
        Func<IEnumerable<ChatMessage>, ChatOptions?, CancellationToken, IAsyncEnumerable<ChatResponseUpdate>> streams = last.OnStream;
        last.Hold();
        Task<string>[] calls = Ask(pool, pool.Clients.Length, streaming);
        pool.Time.Advance(took);
        last.Held[^1].Answer();
        await Task.WhenAll(calls);
        (last.OnCall, last.OnStream) = (before, streams);
    }

    private static Task<string>[] Ask(FakePool pool, int count, bool streaming) => [.. Enumerable.Range(0, count).Select(_ => pool.AskAsync(streaming))];

    private static void AnswerAll(FakeChatClient client)
    {
        foreach (HeldCall held in client.Held)
        {
            held.Answer();
        }
    }

    /// <summary>Waits for all of them, however they end.</summary>
    private static Task EndAsync(Task<string>[] calls) => Task.WhenAll(calls.Select(call => call.ContinueWith(_ => { }, TaskScheduler.Default)));

    private static async Task AnswerAllAsync(FakePool pool, Task<string>[] calls)
    {
        AnswerAll(pool.Clients[0]);
        await Task.WhenAll(calls);
    }
}
