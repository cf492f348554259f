using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>The line: calls that find no endpoint, in what order and at what pace they leave it, and who is refused.</summary>
public class QueueTests
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACall_ThatFindsNoEndpoint_WaitsForTheStatedTime(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(FakeFailure.RateLimited(Pause));
        pool.Clients[1].Plays(FakeFailure.RateLimited(2 * Pause));
        Task<string> call = pool.AskAsync(streaming);
        Assert.Equal(1, pool.Waiting);

        await pool.AdvanceAsync(Pause - TimeSpan.FromMilliseconds(1));
        Assert.Equal([1, 1], pool.Calls);
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal("a", await call);
        Assert.Equal([0, 5], pool.Clients[0].Times);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_InTheLine_LeaveInTheOrderTheyCame(bool streaming)
    {
        using FakePool pool = RateLimited(1, streaming);
        List<string> arrived = [];
        pool.Clients[0].Hold();
        NotePrompts(pool.Clients[0], arrived);
        string[] order = ["hi", .. Enumerable.Range(0, 20).Select(i => $"{i:00}")];
        Task<string>[] calls = [.. order[1..].Select(prompt => pool.AskAsync(streaming, prompt: prompt))];
        Assert.Equal(21, pool.Waiting);

        // Those that are let go at one moment may arrive in any order, but never before those of an earlier one.
        for (int expected = 0; pool.Waiting > 0; expected = arrived.Count)
        {
            await pool.AdvanceAsync(expected == 0 ? Pause : TimeSpan.FromMilliseconds(250));
            Assert.InRange(arrived.Count, expected + 1, order.Length);
            Assert.Equal(order[..arrived.Count], arrived.Order().OrderByDescending(prompt => prompt == "hi"));
        }

        await AnswerUntilDoneAsync(pool, calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ANewcomer_WhileAnyoneWaits_DoesNotOvertake(bool streaming)
    {
        using FakePool pool = RateLimited(1, streaming);
        Task<string>[] first = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync(streaming))];
        pool.Clients[0].Hold();
        pool.Time.Advance(Pause);
        await Eventually.TrueAsync(() => pool.Clients[0].Running == 1);

        // The endpoint is being probed. Someone who comes now stands behind those who wait, also when it opens.
        Task<string> newcomer = pool.AskAsync(streaming);
        Assert.Equal(4, pool.Waiting);
        pool.Clients[0].Held[0].Answer();
        await Eventually.TrueAsync(() => pool.Clients[0].Running == 2);
        Assert.Equal(2, pool.Waiting);
        Assert.False(newcomer.IsCompleted);
        await AnswerUntilDoneAsync(pool, [.. first, newcomer]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheRelease_IsPacedAndNoHerd(bool streaming)
    {
        using FakePool pool = RateLimited(1, streaming);
        Task<string>[] calls = [.. Enumerable.Range(0, 99).Select(_ => pool.AskAsync(streaming))];
        pool.Clients[0].Hold();
        pool.Time.Advance(Pause);
        int open = 1;
        for (int i = 0; i < 5; i++, open *= 2)
        {
            await Eventually.TrueAsync(() => pool.Clients[0].Held.Length == (2 * open) - 1);
            await pool.SettleAsync();
            Assert.Equal((2 * open) - 1, pool.InFlight);
            pool.Time.Advance(TimeSpan.FromMilliseconds(250));
        }

        await AnswerUntilDoneAsync(pool, calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AReleasedCall_ThatIsRejected_GoesBackToItsPlace(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Fails = FakeFailure.RateLimited(Pause);
        List<string> order = [];
        Task<string>[] calls = [.. Enumerable.Range(0, 3).Select(async i =>
        {
            string answer = await pool.AskAsync(streaming, prompt: $"{i}");
            lock (order)
            {
                order.Add($"{i}");
            }

            return answer;
        })];
        await pool.AdvanceAsync(Pause);
        Assert.Equal(2, pool.Clients[0].Calls);
        Assert.Equal(3, pool.Waiting);
        List<string> asked = [];
        pool.Clients[0].Fails = null;
        NotePrompts(pool.Clients[0], asked);

        await pool.AdvanceAsync(Pause);
        await pool.AdvanceAsync(1);
        await Task.WhenAll(calls);

        Assert.Equal("0", asked[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AStatedTime_BeyondMaxWait_RefusesAtOnceAndSaysWhen(bool streaming)
    {
        using FakePool pool = new(2);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(31));
        }

        Assert.Equal(TimeSpan.FromSeconds(31), (await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming))).RetryAfter);
        pool.Time.Advance(TimeSpan.FromSeconds(0.5));
        EndpointsExhaustedException refused = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Equal(TimeSpan.FromSeconds(30.5), refused.RetryAfter);
        Assert.Equal(["a", "b"], refused.Attempts.Select(attempt => attempt.EndpointName));
        Assert.Equal(429, refused.Status);
        Assert.Equal([1, 1], pool.Calls);
        pool.Time.Advance(TimeSpan.FromSeconds(0.5));
        Task<string> waits = pool.AskAsync(streaming);
        Assert.Equal(1, pool.Waiting);
        pool.Clients[0].Fails = null;
        pool.Clients[1].Fails = null;
        pool.Time.Advance(TimeSpan.FromSeconds(30));
        await waits;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MaxWaitZero_NeverWaits(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.Zero);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.RateLimited(TimeSpan.FromMilliseconds(200));
        }

        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        EndpointsExhaustedException refused = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Equal(TimeSpan.FromMilliseconds(200), refused.RetryAfter);
        Assert.Equal([1, 1], pool.Calls);
        Assert.Equal(0, pool.Waiting);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALaterStatement_BeyondThePatienceOfThoseWhoWait_SendsThemAwayAtOnceAndSaysWhen(bool streaming)
    {
        using FakePool pool = RateLimited(1, streaming);
        Task<string>[] calls = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync(streaming))];
        pool.Clients[0].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(120));

        await pool.AdvanceAsync(Pause);

        foreach (Task<string> call in calls)
        {
            EndpointsExhaustedException refused = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call);
            Assert.Equal(TimeSpan.FromSeconds(120), refused.RetryAfter);
        }

        Assert.Equal(2, pool.Clients[0].Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Patience_OfACallForWhichNobodyNamesATime_EndsAfterMaxWait(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.FromSeconds(10));
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.Refused();
        }

        Task<string> call = pool.AskAsync(streaming);
        for (int i = 0; i < 99; i++)
        {
            await pool.AdvanceAsync(0.1);
            Assert.False(call.IsCompleted);
        }

        pool.Time.Advance(TimeSpan.FromSeconds(0.1));

        EndpointsExhaustedException refused = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call);
        Assert.Contains("waited for 10 s", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, pool.Waiting);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALine_ThatMovesTooSlowly_RefusesNewcomersByItsPace(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromSeconds(20));
        pool.Clients[0].Hold();
        Task<string> first = pool.AskAsync(streaming);
        pool.Clients[0].Held[0].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(1)));
        List<Task<string>> calls = [first, .. Enumerable.Range(0, 30).Select(_ => pool.AskAsync(streaming))];
        // One a second is let go and answered; the next is then told to wait for a second.
        for (int second = 0; second < 12; second++)
        {
            await pool.AdvanceAsync(1);
            pool.Clients[0].Held.Last(held => !held.End.IsCompleted).Answer();
            await pool.SettleAsync();
            foreach (HeldCall held in pool.Clients[0].Held)
            {
                held.Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(1)));
            }

            await pool.SettleAsync();
        }

        Assert.InRange(pool.Waiting, 16, 20);
        int asked = pool.Clients[0].Calls;
        // About one a second leaves, so who came now would wait for about as many seconds as there are in the line.
        List<Task<string>> newcomers = [];
        for (int i = 0; i < 12 && newcomers.TrueForAll(call => !call.IsCompleted); i++)
        {
            newcomers.Add(pool.AskAsync(streaming));
        }

        EndpointsExhaustedException refused = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => newcomers[^1]);
        Assert.InRange(refused.RetryAfter!.Value.TotalSeconds, 20, 30);
        Assert.Equal(asked, pool.Clients[0].Calls);
        pool.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(() => Task.WhenAll([.. calls, .. newcomers]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheLinesPace_IsNotThatOfProbesThatFail(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.FromSeconds(20));
        pool.Clients[1].Fails = FakeFailure.Refused();
        pool.Clients[0].Hold();
        Task<string> first = pool.AskAsync(streaming);
        pool.Clients[0].Held[0].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(1)));
        await pool.SettleAsync();
        List<Task<string>> calls = [first, .. Enumerable.Range(0, 30).Select(_ => pool.AskAsync(streaming))];
        // One a second is answered by the first, and in between whoever stands first comes back from the second, which cannot be reached.
        for (int second = 0; second < 12; second++)
        {
            for (int i = 0; i < 4; i++)
            {
                await pool.AdvanceAsync(0.25);
            }

            pool.Clients[0].Held.LastOrDefault(held => !held.End.IsCompleted)?.Answer();
            await pool.SettleAsync();
            foreach (HeldCall held in pool.Clients[0].Held)
            {
                held.Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(1)));
            }

            await pool.SettleAsync();
        }

        List<Task<string>> newcomers = [];
        for (int i = 0; i < 12 && newcomers.TrueForAll(call => !call.IsCompleted); i++)
        {
            newcomers.Add(pool.AskAsync(streaming));
        }

        Assert.True(pool.Clients[1].Calls > 10);
        EndpointsExhaustedException refused = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => newcomers[^1]);
        Assert.InRange(refused.RetryAfter!.Value.TotalSeconds, 15, 40);
        pool.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(() => Task.WhenAll([.. calls, .. newcomers]));
    }

    [Theory]
    [InlineData(429, false)]
    [InlineData(500, true)]
    [InlineData(0, true)]
    public async Task AProbe_IsPaceOnlyAfterARejection(int status, bool expected)
    {
        using FakePool pool = new(2);
        if (status == 0)
        {
            pool.Clients[0].OnStream = static (_, _, _) => FakeChatClient.Failing(new IOException("cut"), "content");
            await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));
            await pool.AskAsync();
        }
        else
        {
            pool.Clients[0].Plays(FakeFailure.Status(status), FakeFailure.Status(status));
            await pool.AskManyAsync(3);
        }

        Assert.False(pool.EndpointAt(0).IsProbedForFault);
        pool.Time.Advance(TimeSpan.FromSeconds(3));
        pool.Clients[0].Hold();
        Task<string> probe = pool.AskAsync();

        Assert.Equal((EndpointState.Probing, expected), (pool.StateOf(0), pool.EndpointAt(0).IsProbedForFault));
        pool.Clients[0].Held[0].Answer();
        await probe;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALine_ThatOnlyProbesLeave_TakesNewcomers(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromSeconds(45));
        pool.Clients[0].Hold();
        List<Task<string>> calls = [pool.AskAsync(streaming)];
        await pool.AdvanceAsync(2);
        pool.Clients[0].Held[0].Fail(FakeFailure.Refused());
        await pool.SettleAsync();
        // While it cannot be reached, and each probe takes two seconds to say so, nobody knows when the line will move.
        for (int i = 0; i < 8; i++)
        {
            while (pool.Clients[0].Running == 0)
            {
                await pool.AdvanceAsync(0.25);
            }

            for (int j = 0; j < 4; j++)
            {
                calls.Add(pool.AskAsync(streaming));
                await pool.AdvanceAsync(0.5);
            }

            pool.Clients[0].Held[^1].Fail(FakeFailure.Refused());
            await pool.SettleAsync();
        }

        Task<string> newcomer = pool.AskAsync(streaming);
        Assert.False(newcomer.IsCompleted);
        pool.Clients[0].Fails = null;
        for (int i = 0; i < 8 && !newcomer.IsCompleted; i++)
        {
            await pool.AdvanceAsync(1);
        }

        Assert.Equal("a", await newcomer);
        Assert.All(calls, call => Assert.True(call.IsCompletedSuccessfully, call.Exception?.Message));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Dispose_WakesAllThatWait(bool streaming)
    {
        using FakePool pool = RateLimited(2, streaming);
        Task<string>[] calls = [.. Enumerable.Range(0, 10).Select(_ => pool.AskAsync(streaming))];

        pool.Pool.Dispose();

        foreach (Task<string> call in calls)
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(() => call);
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => pool.AskAsync(streaming));
        Assert.Equal(1, pool.Released);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Models_HaveTheirOwnLines(bool streaming)
    {
        using FakePool pool = new(2, endpoint: (i, entry) =>
        {
            entry.DeploymentName = "small";
            entry.Deployments["small"] = "small";
            entry.Deployments["large"] = "large";
        });
        foreach (FakeChatClient client in pool.Clients)
        {
            client.OnCall = (_, options, _) => options?.ModelId == "large"
                ? Task.FromException<ChatResponse>(FakeFailure.RateLimited(Pause)) : Task.FromResult(FakeChatClient.Answer(client.Name));
            client.OnStream = (_, options, token) => options?.ModelId == "large"
                ? FakeChatClient.Failing(FakeFailure.RateLimited(Pause)) : FakeChatClient.Updates(token, client.Name);
        }

        Task<string> large = pool.AskAsync(streaming, new() { ModelId = "large" });

        Assert.False(large.IsCompleted);
        Assert.Equal("ab", await pool.AskAsync(streaming, new() { ModelId = "small" }) + await pool.AskAsync(streaming, new() { ModelId = "small" }));
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = null;
        }

        pool.Time.Advance(Pause);
        await large;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheLine_WhenThePressureIsGone_LeavesNobodyAndNothingBehind(bool streaming)
    {
        using FakePool pool = RateLimited(3, streaming);
        Task<string>[] calls = [.. Enumerable.Range(0, 200).Select(_ => pool.AskAsync(streaming))];
        for (int i = 0; i < 20; i++)
        {
            await pool.AdvanceAsync(i == 0 ? Pause : TimeSpan.FromMilliseconds(250));
        }

        await Task.WhenAll(calls);

        Assert.Equal((0, 0), (pool.Waiting, pool.InFlight));
        Assert.All(pool.Pool.GetStatus(), status => Assert.NotEqual(EndpointState.Unavailable, status.State));
        int[] before = pool.Calls;
        await pool.AskManyAsync(30, streaming);
        Assert.Equal([10, 10, 10], pool.Calls.Zip(before, (now, then) => now - then));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_FromManyThreadsThroughAShortOutage_AreAllAnswered(bool streaming)
    {
        using FakePool pool = RateLimited(3, streaming, options => options.MaxWait = TimeSpan.FromHours(1));
        Task[] threads = [.. Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < 50; i++)
            {
                Assert.NotEmpty(await pool.AskAsync(streaming));
            }
        }))];
        Task all = Task.WhenAll(threads);

        await Eventually.TrueAsync(() => pool.Waiting == 9);
        pool.Time.Advance(Pause);
        await Eventually.TrueAsync(() =>
        {
            pool.Time.Advance(TimeSpan.FromMilliseconds(1));
            return all.IsCompleted;
        });
        await all;

        Assert.Equal(0, pool.Waiting);
    }

    /// <summary>All endpoints have just stated a pause, are well after it, and one call waits for them.</summary>
    private static FakePool RateLimited(int count, bool streaming, Action<RoundRobinOptions>? configure = null)
    {
        FakePool pool = new(count, configure);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Plays(FakeFailure.RateLimited(Pause));
        }

        _ = pool.AskAsync(streaming);
        Assert.Equal(1, pool.Waiting);
        return pool;
    }

    private static void NotePrompts(FakeChatClient client, List<string> prompts)
    {
        var (call, stream) = (client.OnCall, client.OnStream);
        client.OnCall = (messages, options, token) =>
        {
            Note(messages);
            return call(messages, options, token);
        };
        client.OnStream = (messages, options, token) =>
        {
            Note(messages);
            return stream(messages, options, token);
        };

        void Note(IEnumerable<ChatMessage> messages)
        {
            lock (prompts)
            {
                prompts.Add(messages.First().Text);
            }
        }
    }

    private static async Task AnswerUntilDoneAsync(FakePool pool, Task[] calls)
    {
        Task all = Task.WhenAll(calls);
        await Eventually.TrueAsync(() =>
        {
            foreach (HeldCall held in pool.Clients.SelectMany(client => client.Held))
            {
                held.Answer();
            }

            return all.IsCompleted;
        });
        await all;
    }

    [Fact]
    public void AnAttempt_ThatIsGivenUnderTheLock_IsInFlightBeforeAnythingIsSent()
    {
        using FakePool pool = new(1);
        Dispatcher dispatcher = pool.Pool.Dispatcher;
        Call call = new(dispatcher, pool.Pool.DefaultGroup, new CallLimits { MaxWait = TimeSpan.Zero, AttemptTimeout = Timeout.InfiniteTimeSpan }, static () => 0);

        // The next that is picked in this moment must see it, or a burst goes to one endpoint.
        Attempt attempt = dispatcher.Next(call).Attempt!;

        Assert.Equal((1, 0), (pool.InFlight, pool.Clients[0].Calls));
        dispatcher.Abandoned(attempt, answered: false);
        Assert.Equal(0, pool.InFlight);
    }
}
