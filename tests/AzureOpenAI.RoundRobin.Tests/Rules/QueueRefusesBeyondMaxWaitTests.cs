using AzureOpenAI.RoundRobin.Tests.Fakes;
using static AzureOpenAI.RoundRobin.Tests.Rules.RateLimitedPool;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A call is refused at once where it is known that it would wait for longer than MaxWait.</summary>
[Trait("Rule", "5.5")]
public class QueueRefusesBeyondMaxWaitTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task HintBeyondMaxWait_IsRefusedAtOnce_WithTheTime(bool streaming)
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
    public async Task LaterHintBeyondMaxWait_QueuedCallsAreRefusedAtOnce_WithTheTime(bool streaming)
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
    public async Task NoHint_CallWaitsForMaxWait(bool streaming)
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
        // It reads when a wait began a moment after it is in the queue, where the test sees it: a step of the clock may come between.
        Assert.Matches("waited for (10|9[.][0-9]+) s", refused.Message);
        Assert.Equal(0, pool.Waiting);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task QueueMovesTooSlowly_NewCallsAreRefused(bool streaming)
    {
        // One a second is answered by the first. What the second will do nobody knows.
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.FromSeconds(22.3), (i, entry) => entry.RequestsPerMinute = i == 0 ? 60 : null);
        pool.Clients[1].Fails = FakeFailure.Refused();
        List<Task<string>> calls = [.. Enumerable.Range(0, 31).Select(_ => pool.AskAsync(streaming))];
        for (int second = 0; second < 12; second++)
        {
            await pool.AdvanceAsync(1);
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
    public async Task FailedProbes_DoNotCountAsPace(bool streaming)
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
    public async Task Probe_CountsAsPaceOnlyAfterARejection(int status, bool expected)
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
            pool.Clients[0].Plays(FakeFailure.Status(status, ("Retry-After", status == 429 ? "600" : "")), FakeFailure.Status(status, ("Retry-After", status == 429 ? "600" : "")));
            await pool.AskAsync(prompt: "one");
            await pool.AskAsync(prompt: "two");
            await pool.AskAsync();
        }

        Assert.False(pool.EndpointAt(0).Health.IsProbedForFault);
        pool.Time.Advance(pool.StatusOf(0).ReadyIn!.Value);
        pool.Clients[0].Hold();
        Task<string> probe = pool.AskAsync();

        Assert.Equal((EndpointState.Probing, expected), (pool.StateOf(0), pool.EndpointAt(0).Health.IsProbedForFault));
        pool.Clients[0].Held[0].Answer();
        await probe;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OnlyProbesLeaveTheQueue_NewCallsAreQueued(bool streaming)
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
}
