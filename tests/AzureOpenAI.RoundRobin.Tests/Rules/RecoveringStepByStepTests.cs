using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>How an endpoint becomes healthy again: one call, then two, four, eight, as it admits them and not as it answers them.</summary>
[Trait("Rule", "5.6")]
public class RecoveringStepByStepTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AfterTheCooldown_OneCallProbes_AndTheOthersGoElsewhere(bool streaming)
    {
        using FakePool pool = await WithFirstOutAsync(streaming);

        Task<string>[] calls = Ask(pool, 6, streaming);

        Assert.Equal(1, pool.Clients[0].Running);
        Assert.Equal(EndpointState.Probing, pool.StateOf(0));
        await Task.WhenAll(calls[1..]);
        pool.Clients[0].Held[0].Answer();
        Assert.Equal("a", await calls[0]);
        Assert.Equal(EndpointState.Recovering, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnsweredProbe_AllowsTwoThenFourThenEight(bool streaming)
    {
        using FakePool pool = await WithFirstOutAsync(streaming);
        foreach (int open in new[] { 1, 2, 4, 8 })
        {
            // Enough that all its turns come, and too few for it to seem silent.
            Task<string>[] calls = Ask(pool, 2 * open, streaming);

            Assert.Equal(open, pool.Clients[0].Running);
            AnswerAll(pool.Clients[0]);
            await Task.WhenAll(calls);
        }

        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ProbeOfAnUnreachableOne_AllowsEight(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Refused();
        Assert.Equal("b", await pool.AskAsync(streaming));
        pool.Clients[0].Hold();
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        foreach (int open in new[] { 1, 8 })
        {
            Task<string>[] calls = Ask(pool, 2 * open, streaming);

            Assert.Equal(open, pool.Clients[0].Running);
            AnswerAll(pool.Clients[0]);
            await Task.WhenAll(calls);
        }

        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ProbeNotRejectedInTime_IsAdmittedBeforeItIsAnswered(bool streaming)
    {
        using FakePool pool = await WithFirstOutAsync(streaming);
        int running = 0;
        foreach (int open in new[] { 1, 2, 4, 8 })
        {
            // Enough that all its turns come, and too few for it to seem silent.
            Task<string>[] calls = Ask(pool, 2 * open, streaming);
            running += open;
            Assert.Equal(running, pool.Clients[0].Running);
            pool.Time.Advance(TimeSpan.FromMilliseconds(249));
            Assert.Equal(running, pool.Clients[0].Running);
            pool.Time.Advance(TimeSpan.FromMilliseconds(1));
            _ = calls;
        }

        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        Assert.Equal(0, pool.StatusOf(0).Answered);
        AnswerAll(pool.Clients[0]);
        await pool.SettleAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FirstRejection_WhileRecovering_Ejects(bool streaming)
    {
        using FakePool pool = await WithFirstOutAsync(streaming);
        Task<string>[] calls = Ask(pool, 2, streaming);
        AnswerAll(pool.Clients[0]);
        calls = [.. calls, .. Ask(pool, 6, streaming)];
        Assert.Equal(2, pool.Clients[0].Running);

        pool.Clients[0].Held[^1].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(7)));

        Assert.Equal(7, pool.OutFor(0));
        AnswerAll(pool.Clients[0]);
        await Task.WhenAll(calls);
        Assert.Equal(7, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task IsolatedError_WhileRecovering_Ejects(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(FakeFailure.Refused(), FakeFailure.Status(500));
        await pool.AskAsync(streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(1));

        Task<string> probe = pool.AskAsync(streaming);

        Assert.Equal("b", await probe);
        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CancelledProbe_ReleasesItsPermit(bool streaming)
    {
        using FakePool pool = await WithFirstOutAsync(streaming);
        using CancellationTokenSource caller = new();
        Task<string> probe = pool.AskAsync(streaming, token: caller.Token);
        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => probe);
        Assert.Equal(EndpointState.Probing, pool.StateOf(0));

        Task<string> next = pool.AskAsync(streaming);

        Assert.Equal(1, pool.Clients[0].Running);
        pool.Clients[0].Held[^1].Answer();
        Assert.Equal("a", await next);
    }

    [Fact]
    public async Task StreamAtAProbedEndpoint_IsAdmittedWithItsFirstUpdate()
    {
        using FakePool pool = await WithFirstOutAsync(streaming: true);
        TaskCompletionSource gate = new();
        pool.Clients[0].OnStream = (_, _, _) => StreamAsync(gate.Task);
        Task<string> probe = pool.AskAsync(streaming: true);

        Assert.False(probe.IsCompleted);
        Assert.Equal(EndpointState.Recovering, pool.StateOf(0));
        gate.SetResult();
        Assert.Equal("ab", await probe);
    }

    [Theory]
    [InlineData(429, EndpointState.Recovering)]
    [InlineData(500, EndpointState.Probing)]
    public async Task StreamWithoutContentYet_AdmitsItsProbe_UnlessErrorsEjectedTheEndpoint(int status, EndpointState state)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(status, ("Retry-After", status == 429 ? "600" : ""));
        foreach (string prompt in new[] { "one", "two", "three", "four" })
        {
            await pool.AskAsync(streaming: true, prompt: prompt);
        }

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        TaskCompletionSource content = new();
        TaskCompletionSource end = new();
        pool.Clients[0].OnStream = (_, _, _) => StreamAsync(content.Task, end.Task);
        pool.Time.Advance(pool.StatusOf(0).ReadyIn!.Value);

        Task<string>[] calls = Ask(pool, 2, streaming: true);

        Assert.Equal(state, pool.StateOf(0));
        content.SetResult();
        Assert.Equal(EndpointState.Recovering, pool.StateOf(0));
        end.SetResult();
        await Task.WhenAll(calls);

        static async IAsyncEnumerable<ChatResponseUpdate> StreamAsync(Task content, Task end)
        {
            yield return new ChatResponseUpdate(ChatRole.Assistant, []);
            await content;
            yield return new ChatResponseUpdate(ChatRole.Assistant, "so far ");
            await end;
            yield return new ChatResponseUpdate(ChatRole.Assistant, "and on") { FinishReason = ChatFinishReason.Stop };
        }
    }

    [Fact]
    public async Task EjectedForCutStreams_NeedsACompletedAnswer()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => FakeChatClient.Failing(new IOException("cut"), "x");
        await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));
        pool.Time.Advance(TimeSpan.FromSeconds(2));
        TaskCompletionSource gate = new();
        pool.Clients[0].OnStream = (_, _, _) => StreamAsync(gate.Task);

        Task<string> probe = pool.AskAsync(streaming: true);
        pool.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal("b", await pool.AskAsync(streaming: true));
        Assert.Equal(EndpointState.Probing, pool.StateOf(0));
        gate.SetResult();
        await probe;

        Assert.Equal(EndpointState.Recovering, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EjectedForTimeouts_NeedsACompletedAnswer(bool streaming)
    {
        using FakePool pool = new(2, options => options.AttemptTimeout = TimeSpan.FromSeconds(1));
        pool.Clients[0].Fails = new TimeoutException();
        await pool.AskManyAsync(2, streaming);
        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        pool.Time.Advance(pool.StatusOf(0).ReadyIn!.Value);
        pool.Clients[0].Hold();

        Task<string> probe = pool.AskAsync(streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(0.9));
        Assert.Equal("b", await pool.AskAsync(streaming));
        Assert.Equal(EndpointState.Probing, pool.StateOf(0));
        pool.Clients[0].Held[0].Answer();

        Assert.Equal("a", await probe);
        Assert.Equal(EndpointState.Recovering, pool.StateOf(0));
    }

    [Theory]
    [InlineData(0, 250)]
    [InlineData(200, 400)]
    [InlineData(900, 1800)]
    [InlineData(5000, 2000)]
    public async Task RejectionTime_IsTwiceTheSlowestRecentRejection_WithinBounds(double rejectionMilliseconds, double expected)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync();
        pool.Time.Advance(TimeSpan.FromMilliseconds(rejectionMilliseconds));
        pool.Clients[0].Held[0].Fail(FakeFailure.Status(429));
        await call;

        Assert.Equal(expected, pool.EndpointAt(0).RejectionTime.TotalMilliseconds);
    }

    [Fact]
    public async Task RejectionTime_AfterQuickerRejections_ShrinksSlowly()
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync();
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        pool.Clients[0].Held[0].Fail(FakeFailure.Status(429));
        await call;
        pool.Clients[0].Fails = FakeFailure.Status(429);
        double before = 2000;
        for (int i = 0; i < 20; i++)
        {
            pool.Time.Advance(TimeSpan.FromSeconds(60));
            await pool.AskInTurnOfAsync(0);
            double now = pool.EndpointAt(0).RejectionTime.TotalMilliseconds;
            Assert.InRange(now, Math.Max(250, before * 0.87), Math.Max(250, before * 0.88));
            before = now;
        }

        Assert.Equal(250, before);
    }

    private static async IAsyncEnumerable<Microsoft.Extensions.AI.ChatResponseUpdate> StreamAsync(Task gate)
    {
        yield return new(Microsoft.Extensions.AI.ChatRole.Assistant, "a");
        await gate;
        yield return new(Microsoft.Extensions.AI.ChatRole.Assistant, "b");
    }

    /// <summary>Two endpoints, of which the first has stated over five minutes to two requests, has just become due again after one, and holds its calls.</summary>
    private static async Task<FakePool> WithFirstOutAsync(bool streaming)
    {
        FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.RateLimited(TimeSpan.FromMinutes(6));
        Assert.Equal("b", await pool.AskAsync(streaming, prompt: "one"));
        Assert.Equal("b", await pool.AskAsync(streaming, prompt: "two"));
        Assert.Equal(60, pool.OutFor(0));
        pool.Clients[0].Hold();
        pool.Time.Advance(TimeSpan.FromSeconds(60));
        return pool;
    }

    private static Task<string>[] Ask(FakePool pool, int count, bool streaming) => [.. Enumerable.Range(0, count).Select(_ => pool.AskAsync(streaming))];

    private static void AnswerAll(FakeChatClient client)
    {
        foreach (HeldCall held in client.Held)
        {
            held.Answer();
        }
    }
}
