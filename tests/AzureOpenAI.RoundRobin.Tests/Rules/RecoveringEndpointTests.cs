using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>How an endpoint comes back: one call, then two, four, eight, as it admits them and not as it answers them.</summary>
public class RecoveringEndpointTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AfterItsCooldown_OneCallIsAProbeAndTheOthersGoElsewhere(bool streaming)
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
    public async Task AProbe_ThatIsAnswered_OpensTwoThenFourThenEight(bool streaming)
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
    public async Task AProbe_OfOneThatCouldNotBeReached_OpensEight(bool streaming)
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
    public async Task OfTwoTiersThatReturnTogether_TheBetterIsAskedFirst(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.Zero, (i, entry) => entry.Priority = 1 - i);
        pool.Clients[0].Plays(FakeFailure.Refused());
        pool.Clients[1].Plays(FakeFailure.Refused());
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal("bbbb", await pool.AskManyAsync(4, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TwoThatReturnTogether_TakeTurns(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.Zero);
        pool.Clients[0].Plays(FakeFailure.Refused());
        pool.Clients[1].Plays(FakeFailure.Refused());
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(20));
        await pool.AskManyAsync(2, streaming);
        Array.ForEach(pool.Clients, client => client.Hold());

        Task<string>[] calls = [.. Enumerable.Range(0, 6).Select(_ => pool.AskAsync(streaming))];

        Assert.Equal((3, 3), (pool.Clients[0].Running, pool.Clients[1].Running));
        Array.ForEach([.. pool.Clients.SelectMany(client => client.Held)], held => held.Answer());
        await Task.WhenAll(calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AProbe_ThatIsNotRejectedInTime_IsAdmittedBeforeItIsAnswered(bool streaming)
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
    public async Task TheFirstRejection_WhileItReturns_ClosesIt(bool streaming)
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
    public async Task AnIsolatedFault_WhileItReturns_ClosesItToo(bool streaming)
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
    public async Task AProbe_ThatItsCallerCancels_IsFreeForAnother(bool streaming)
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
    public async Task AStream_ThatBeganAtAProbedEndpoint_IsAdmittedWithItsFirstUpdate()
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
    public async Task AStream_ThatBeganWithoutContent_AdmitsItsProbeUnlessErrorsPutTheEndpointOut(int status, EndpointState state)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(status);
        await pool.AskManyAsync(4, streaming: true);
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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnOlderProbe_SaysNothingOfALaterCooldown(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = Ask(pool, 4, streaming);
        pool.Clients[0].Held[0].Fail(FakeFailure.Status(429));
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        calls = [.. calls, .. Ask(pool, 2, streaming)];
        pool.Clients[0].Held[1].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(30)));
        pool.Time.Advance(TimeSpan.FromSeconds(30));
        calls = [.. calls, .. Ask(pool, 2, streaming)];
        Assert.Equal((4, EndpointState.Probing), (pool.Clients[0].Calls, pool.StateOf(0)));

        pool.Clients[0].Held[2].Answer();

        Assert.Equal(EndpointState.Probing, pool.StateOf(0));
        pool.Clients[0].Held[3].Answer();
        Assert.NotEqual(EndpointState.Probing, pool.StateOf(0));
        await Task.WhenAll(calls);
    }

    [Fact]
    public async Task AnEndpoint_ThatCutStreams_NeedsACompletedAnswer()
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
    public async Task AnEndpoint_ThatHung_NeedsACompletedAnswer(bool streaming)
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
    public async Task TheRejectionTime_IsTwiceTheSlowestRecentWithinBounds(double rejectionMilliseconds, double expected)
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
    public async Task TheRejectionTime_AfterQuickerRejections_ShrinksSlowly()
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

    [Theory]
    [InlineData(null, false)]
    [InlineData(null, true)]
    // With a limit each pick looks under the lock, whether a probe is due or not.
    [InlineData(600_000, false)]
    [InlineData(600_000, true)]
    public async Task Probes_OfEndpointsThatKeepFailing_AreBoundedByTheBudget(int? requestsPerMinute, bool streaming)
    {
        using FakePool pool = new(26, endpoint: (_, entry) => entry.RequestsPerMinute = requestsPerMinute);
        foreach (FakeChatClient client in pool.Clients[..25])
        {
            client.Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(1));
        }

        while (pool.Clients[..25].Any(client => client.Calls == 0))
        {
            await pool.AskAsync(streaming);
        }

        int before = pool.Calls[..25].Sum();
        Assert.Equal(25, before);

        pool.Time.Advance(TimeSpan.FromSeconds(1));
        for (int i = 0; i < 25; i++)
        {
            Assert.Equal("z", await pool.AskAsync(streaming));
        }

        // Ten at once, and one more for every five turns.
        Assert.InRange(pool.Calls[..25].Sum() - before, 10, 10 + (2 * 25 / 5));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Probes_OfTwoModels_ShareOneBudget(bool streaming)
    {
        using FakePool pool = new(26, endpoint: (_, entry) =>
        {
            entry.DeploymentName = "small";
            entry.Deployments["large"] = "large";
        });
        foreach (FakeChatClient client in pool.Clients[..25])
        {
            client.Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(1));
        }

        Microsoft.Extensions.AI.ChatOptions large = new() { ModelId = "large" };
        while (pool.Pool.GetStatus().Count(status => status.State == EndpointState.Unavailable) < 50)
        {
            Assert.Equal("zz", await pool.AskAsync(streaming) + await pool.AskAsync(streaming, large));
        }

        int before = pool.Calls[..25].Sum();
        Assert.Equal("zzz", await pool.AskManyAsync(3, streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        for (int i = 0; i < 25; i++)
        {
            Assert.Equal("zz", await pool.AskAsync(streaming) + await pool.AskAsync(streaming, large));
        }

        Assert.InRange(pool.Calls[..25].Sum() - before, 10, 10 + (2 * 50 / 5));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACall_ProbesAtMostOneEndpointWhileOthersAreFit(bool streaming)
    {
        using FakePool pool = new(4);
        foreach (FakeChatClient client in pool.Clients[..3])
        {
            client.Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(1));
        }

        await pool.AskAsync(streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        int before = pool.Calls.Sum();

        Assert.Equal("d", await pool.AskAsync(streaming));

        Assert.Equal(2, pool.Calls.Sum() - before);
    }

    private static async IAsyncEnumerable<Microsoft.Extensions.AI.ChatResponseUpdate> StreamAsync(Task gate)
    {
        yield return new(Microsoft.Extensions.AI.ChatRole.Assistant, "a");
        await gate;
        yield return new(Microsoft.Extensions.AI.ChatRole.Assistant, "b");
    }

    /// <summary>Two endpoints, of which the first has just become due again after a pause and holds its calls.</summary>
    private static async Task<FakePool> WithFirstOutAsync(bool streaming)
    {
        FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(1));
        Assert.Equal("b", await pool.AskAsync(streaming));
        pool.Clients[0].Hold();
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        return pool;
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    public async Task AnEndpoint_ThatFailedItsProbe_IsProbedInItsOwnTurnOnly(int count, bool streaming)
    {
        using FakePool pool = new(count);
        pool.Clients[0].Fails = FakeFailure.Refused();
        for (int i = 0; i < 60; i++)
        {
            await pool.AskAsync(streaming);
            pool.Time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.InRange(pool.Calls[0], (60 / count) - 1, (60 / count) + 2);
        Assert.InRange(pool.Calls[1..].Max() - pool.Calls[1..].Min(), 0, 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACall_ThatHasFailedOnce_RisksNoProbe(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Plays(FakeFailure.Refused());
        pool.Clients[1].Hold();
        pool.Clients[2].Hold();
        Task<string> first = pool.AskAsync(streaming);
        FakeChatClient fresh = pool.Clients[1].Running == 0 ? pool.Clients[1] : pool.Clients[2];
        Task<string> second = pool.AskAsync(streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(1));

        fresh.Held[0].Fail(FakeFailure.Status(500));

        Assert.Equal([1, 3], [pool.Clients[0].Calls, pool.Clients[1].Calls + pool.Clients[2].Calls]);
        Assert.Equal("a", await pool.AskAsync(streaming));
        foreach (HeldCall held in pool.Clients[1..].SelectMany(client => client.Held))
        {
            held.Answer();
        }

        await Task.WhenAll(first, second);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheLineOfAnotherModel_DoesNotHoldUpAReturn(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.FromMinutes(10), (_, entry) => (entry.DeploymentName, entry.Deployments["large"]) = ("small", "large"));
        bool rejects = true;
        foreach (FakeChatClient client in pool.Clients)
        {
            Exception? Judge(ChatOptions? options) =>
                options?.ModelId == "large" ? FakeFailure.RateLimited(TimeSpan.FromMinutes(5)) : rejects && client == pool.Clients[0] ? FakeFailure.Status(429) : null;
            client.OnCall = (_, options, _) => Judge(options) is { } failure ? Task.FromException<ChatResponse>(failure) : Task.FromResult(FakeChatClient.Answer(client.Name));
            client.OnStream = (_, options, token) => Judge(options) is { } failure ? FakeChatClient.Failing(failure) : FakeChatClient.Updates(token, client.Name);
        }

        Task<string> large = pool.AskAsync(streaming, new() { ModelId = "large" });
        Assert.Equal("b", await pool.AskAsync(streaming));
        rejects = false;
        pool.Time.Advance(TimeSpan.FromSeconds(2));
        await pool.AskManyAsync(60, streaming);

        Assert.False(large.IsCompleted);
        Assert.All(pool.Pool.GetStatus().Where(status => status.DeploymentName == "small"), status => Assert.Equal(EndpointState.Healthy, status.State));
        pool.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(() => large);
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
