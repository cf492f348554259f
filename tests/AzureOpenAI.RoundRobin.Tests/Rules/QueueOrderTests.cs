using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using static AzureOpenAI.RoundRobin.Tests.Rules.RateLimitedPool;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Calls that find no endpoint wait in the queue of their model, first come first served, and leave it at the pace of the endpoints.</summary>
[Trait("Rule", "5.5")]
public class QueueOrderTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NoEndpointAvailable_CallWaitsForTheStatedTime(bool streaming)
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
    public async Task QueuedCalls_LeaveInTheOrderTheyCame(bool streaming)
    {
        using FakePool pool = RateLimited(1, streaming, Patient);
        List<string> arrived = [];
        pool.Clients[0].Hold();
        NotePrompts(pool.Clients[0], arrived);
        string[] order = ["hi", .. Enumerable.Range(0, 20).Select(i => $"{i:00}")];
        Task<string>[] calls = [.. order[1..].Select(prompt => pool.AskAsync(streaming, prompt: prompt))];
        Assert.Equal(21, pool.Waiting);

        // Those that are let go at one moment may arrive in any order, but never before those of an earlier one.
        for (int expected = 0; pool.Waiting > 0; expected = arrived.Count)
        {
            await pool.AdvanceAsync(expected == 0 ? Pause : TimeSpan.FromSeconds(2));
            Assert.InRange(arrived.Count, expected + 1, order.Length);
            Assert.Equal(order[..arrived.Count], arrived.Order().OrderByDescending(prompt => prompt == "hi"));
        }

        await AnswerUntilDoneAsync(pool, calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NewCall_WhileOthersAreQueued_DoesNotOvertake(bool streaming)
    {
        using FakePool pool = RateLimited(1, streaming, Patient);
        Task<string>[] first = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync(streaming))];
        pool.Clients[0].Hold();
        pool.Time.Advance(Pause);
        await Eventually.TrueAsync(() => pool.Clients[0].Running == 1);

        // One goes at the end of the pause. Someone who comes now stands behind those who wait, also when the next may go.
        Task<string> newcomer = pool.AskAsync(streaming);
        Assert.Equal(4, pool.Waiting);
        pool.Clients[0].Held[0].Answer();
        pool.Time.Advance(TimeSpan.FromSeconds(1.1));
        await Eventually.TrueAsync(() => pool.Clients[0].Running == 1);
        Assert.Equal(3, pool.Waiting);
        Assert.False(newcomer.IsCompleted);
        await AnswerUntilDoneAsync(pool, [.. first, newcomer]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Release_IsPaced(bool streaming)
    {
        using FakePool pool = RateLimited(1, streaming, Patient);
        Task<string>[] calls = [.. Enumerable.Range(0, 20).Select(_ => pool.AskAsync(streaming))];
        await pool.AdvanceAsync(Pause);
        while (pool.Waiting > 0)
        {
            await pool.AdvanceAsync(0.001);
        }

        await Task.WhenAll(calls);
        // One call a second before the rejection, so the second goes about a second after the first, and then, as nothing is rejected, ever more quickly.
        double[] times = pool.Clients[0].Times[1..];
        double[] gaps = [.. times.Zip(times.Skip(1), static (one, next) => Math.Round(next - one, 3))];
        Assert.Equal(5, times[0]);
        Assert.InRange(gaps[0], 0.9, 1.1);
        Assert.All(gaps.Zip(gaps.Skip(1)), static pair => Assert.InRange(pair.Second, 0.001, pair.First + 0.003));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ReleasedCall_IsRejected_KeepsItsPlace(bool streaming)
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

        // The first call after the pause was rejected again, so the next pause is twice as long.
        await pool.AdvanceAsync(2 * Pause);
        for (int i = 0; i < 4; i++)
        {
            await pool.AdvanceAsync(1.1);
        }

        await Task.WhenAll(calls);

        Assert.Equal("0", asked[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Models_HaveTheirOwnQueues(bool streaming)
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
    public async Task AfterTheOverload_QueueIsEmpty(bool streaming)
    {
        using FakePool pool = RateLimited(3, streaming);
        Task<string>[] calls = [.. Enumerable.Range(0, 60).Select(_ => pool.AskAsync(streaming))];
        for (int i = 0; i < 100; i++)
        {
            await pool.AdvanceAsync(i == 0 ? Pause : TimeSpan.FromMilliseconds(250));
        }

        Assert.Equal((0, 0), (pool.Waiting, pool.InFlight));
        await Task.WhenAll(calls);
        Assert.All(pool.Pool.GetStatus(), status => Assert.NotEqual(EndpointState.Unavailable, status.State));
        // After some quiet minutes the paces are forgotten.
        pool.Time.Advance(TimeSpan.FromMinutes(6));
        await pool.AskManyAsync(3, streaming);
        int[] before = pool.Calls;
        await pool.AskManyAsync(30, streaming);
        Assert.Equal([10, 10, 10], pool.Calls.Zip(before, (now, then) => now - then));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ManyThreadsThroughAShortOutage_AllAreAnswered(bool streaming)
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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Dispose_WakesAllQueuedCalls(bool streaming)
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

    [Fact]
    public void AttemptBegunUnderTheLock_IsInFlightBeforeAnythingIsSent()
    {
        using FakePool pool = new(1);
        PickRequest request = new(pool.Pool.DefaultPicker) { Patience = TimeSpan.Zero };

        // The next that is picked in this moment must see it, or a burst goes to one endpoint.
        Attempt attempt = pool.Pool.Balancer.Next(request).Attempt!;

        Assert.Equal((1, 0), (pool.InFlight, pool.Clients[0].Calls));
        pool.Pool.Balancer.Tracker.Abandoned(attempt, answered: false);
        Assert.Equal(0, pool.InFlight);
    }

    private static void Patient(RoundRobinOptions options) => options.MaxWait = TimeSpan.FromHours(1);

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

            pool.Time.Advance(TimeSpan.FromMilliseconds(1));
            return all.IsCompleted;
        });
        await all;
    }
}
