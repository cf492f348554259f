using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using static AzureOpenAI.RoundRobin.Tests.Rules.StalledPool;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>An endpoint that takes calls and does not answer: when it counts as stalled, and how it becomes available again.</summary>
[Trait("Rule", "4")]
public class StalledEndpointTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnswersNothingWhileTheOtherDoes_Stalls(bool streaming)
    {
        using FakePool pool = new(2);
        await TimeAnAnswerAsync(pool, TimeSpan.FromSeconds(1), streaming);
        pool.Clients[0].Hold();

        Task<string>[] calls = AskInTwoHalves(pool, 60, streaming);

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        Assert.IsType<TimeoutException>(pool.EndpointAt(0).LastFailure!.Exception);
        Assert.InRange(pool.Clients[0].Calls, 21, 29);
        await AnswerAllAsync(pool, calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnswersOldCallsOnly_Stalls(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] old = Ask(pool, 24, streaming);
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        HeldCall[] held = pool.Clients[0].Held;
        Task<string>[] calls = [];
        foreach (HeldCall one in held)
        {
            pool.Time.Advance(StallTest.LeastWait / 4);
            one.Answer();
            calls = [.. calls, .. Ask(pool, 6, streaming)];
        }

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        await AnswerAllAsync(pool, [.. old, .. calls]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnswersSomeYoungCalls_StaysAvailable(bool streaming)
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
    public async Task Rejection_IsProgress(int status)
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
    public async Task SynchronousRejection_IsProgress()
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
    public async Task RejectionOfAnOldCall_IsNoProgress(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] old = Ask(pool, 24, streaming);
        Task<string>[] calls = [];
        foreach (HeldCall one in pool.Clients[0].Held)
        {
            pool.Time.Advance(StallTest.LeastWait / 4);
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
    public async Task ThreeCallsInFlight_Stalls(int waiting, bool streaming)
    {
        // It takes so many a second, so that in a quarter of one no other comes to it.
        using FakePool pool = new(2, endpoint: (i, entry) => entry.RequestsPerMinute = i == 0 ? 60 * waiting : null);
        pool.Clients[0].Hold();
        List<Task<string>> calls = [];
        for (int i = 0; i < 300; i++)
        {
            calls.Add(pool.AskAsync(streaming));
            pool.Time.Advance(i == 10 ? StallTest.LeastWait : TimeSpan.Zero);
        }

        Assert.Equal(waiting, pool.Clients[0].Calls);
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
    public async Task ThreeCallsInFlight_OthersAnswerSynchronously_Stalls(int waiting)
    {
        // One turn in 401 is its own.
        using FakePool pool = new(5, endpoint: (i, entry) => entry.Weight = i == 0 ? 1 : 100);
        pool.Clients[0].Hold();

        Task<string>[] calls = Ask(pool, 401 * waiting, streaming: false);
        pool.Time.Advance(StallTest.LeastWait);
        calls = [.. calls, .. Ask(pool, 40, streaming: false)];

        Assert.Equal(waiting, pool.Clients[0].Calls);
        Assert.Equal(waiting == 3 ? EndpointState.Unavailable : EndpointState.Healthy, pool.StateOf(0));
        await AnswerAllAsync(pool, calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stalled_IsAvailableAgainWithAnAnswerToAYoungerCall(bool streaming)
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
    public async Task Stalled_IsAvailableAgainWithAnAnsweredProbe_AndNotBefore(bool streaming)
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
    public async Task Stalled_IsNotAvailableAgainWithTheBeginningOfAStream()
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

    [Fact]
    public async Task FirstUpdateWithoutContent_IsNoProgress()
    {
        using FakePool pool = new(2);
        await TimeAnAnswerAsync(pool, TimeSpan.FromSeconds(1));
        pool.Clients[0].OnStream = (_, _, token) => StreamAsync(token);

        Task<string>[] calls = AskInTwoHalves(pool, 80, streaming: true);

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

    [Fact]
    public async Task TimedOutCall_IsNoProgress()
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

        Assert.Equal(OutcomeKind.Stalled, pool.EndpointAt(0).Health.Reason);
        await AnswerAllAsync(pool, calls);
    }

    /// <summary>Waits for all of them, however they end.</summary>
    private static Task EndAsync(Task<string>[] calls) => Task.WhenAll(calls.Select(call => call.ContinueWith(_ => { }, TaskScheduler.Default)));

    private static async Task AnswerAllAsync(FakePool pool, Task<string>[] calls)
    {
        AnswerAll(pool.Clients[0]);
        await Task.WhenAll(calls);
    }
}
