using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Endpoints are called in turn, exactly evenly or by weight, from any number of threads.</summary>
[Trait("Rule", "4")]
public class EvenRotationTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneAfterTheOther_FollowsTheRotation(bool streaming)
    {
        using FakePool pool = new(3);

        Assert.Equal("abcabcabc", await pool.AskManyAsync(9, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ManyThreads_SpreadIsExact(bool streaming)
    {
        using FakePool pool = new(3);

        await FromThreadsAsync(12, 500, () => pool.AskAsync(streaming));

        Assert.Equal([2000, 2000, 2000], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ManyThreadsWithWeights_SpreadIsExact(bool streaming)
    {
        using FakePool pool = new(3, endpoint: (i, entry) => entry.Weight = i == 0 ? 5 : 1);

        await FromThreadsAsync(7, 500, () => pool.AskAsync(streaming));

        Assert.Equal([2500, 500, 500], pool.Calls);
    }

    [Fact]
    public Task AnyWeights_SpreadIsExact() => Gen.Int[1, 100].Array[1, 8].SampleAsync(async weights =>
    {
        using FakePool pool = new(weights.Length, endpoint: (i, entry) => entry.Weight = weights[i]);

        await pool.AskManyAsync(weights.Sum());

        Assert.Equal(weights, pool.Calls);
    }, iter: 50);

    [Fact]
    public Task AnyWeightsAnyNumberOfThreads_SpreadIsExact() =>
        Gen.Select(Gen.Int[1, 100].Array[1, 8], Gen.Int[1, 16], Gen.UInt, Gen.Bool).SampleAsync(async (weights, threads, start, streaming) =>
        {
            // A lap takes the weights without their common divisor; the cursor's wrap would cost an uneven one.
            int divisor = weights.Aggregate(Gcd);
            int lap = weights.Sum() / divisor;
            using FakePool pool = new(weights.Length, endpoint: (i, entry) => entry.Weight = weights[i], start: start / 2);

            await FromThreadsAsync(threads, 2 * lap, () => pool.AskAsync(streaming));

            Assert.Equal(weights.Select(weight => 2 * threads * weight / divisor), pool.Calls);
        }, iter: 20, threads: 1);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Weights_SpreadIsSmooth(bool streaming)
    {
        using FakePool pool = new(3, endpoint: (i, entry) => entry.Weight = i == 0 ? 5 : 1);

        Assert.Equal("aabacaaaabacaa", await pool.AskManyAsync(14, streaming));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(0, true)]
    [InlineData(1, true)]
    [InlineData(2, true)]
    public async Task OneRateLimited_OthersStayExactlyEven(uint start, bool streaming)
    {
        using FakePool pool = new(3, start: start);
        pool.Clients[1].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(20)));

        await pool.AskManyAsync(30, streaming);

        Assert.Equal([15, 1, 15], pool.Calls);
        pool.Time.Advance(TimeSpan.FromSeconds(20));
        for (int i = 0; i < 30; i++)
        {
            await pool.AskAsync(streaming);
            pool.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.InRange(pool.Clients[1].Calls, 10, 12);
        Assert.InRange(pool.Clients[0].Calls - pool.Clients[2].Calls, -1, 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneUnavailable_OthersShareItsLoadEvenly(bool streaming)
    {
        using FakePool pool = new(4);
        pool.Clients[1].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(60)));
        await pool.AskManyAsync(2, streaming);
        int[] before = pool.Calls;

        await FromThreadsAsync(6, 100, () => pool.AskAsync(streaming));

        Assert.Equal([200, 0, 200, 200], pool.Calls.Zip(before, (now, then) => now - then));
    }

    [Fact]
    public async Task CursorWraps_CostsAtMostOneUnevenLap()
    {
        using FakePool pool = new(3, start: uint.MaxValue - 300);

        await pool.AskManyAsync(600);

        Assert.All(pool.Calls, calls => Assert.InRange(calls, 199, 201));
    }

    [Fact]
    public async Task CursorOfSeveralPools_StartsAnywhere()
    {
        HashSet<string> firsts = [];
        for (int i = 0; i < 200; i++)
        {
            FakeChatClient[] clients = [new("a"), new("b"), new("c"), new("d")];
            using RoundRobinChatClient client = new(clients);
            firsts.Add((await client.GetResponseAsync([], cancellationToken: TestContext.Current.CancellationToken)).Text);
        }

        Assert.Equal(4, firsts.Count);
    }

    [Fact]
    public async Task TwoPoolsOverTheSameClients_ShareNoState()
    {
        FakeChatClient[] clients = [new("a"), new("b")];
        using RoundRobinChatClient first = new(clients, leaveOpen: true);
        using RoundRobinChatClient second = new(clients, leaveOpen: true);
        clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(60)));
        CancellationToken token = TestContext.Current.CancellationToken;
        await first.GetResponseAsync([], cancellationToken: token);
        await first.GetResponseAsync([], cancellationToken: token);

        Assert.Contains(first.Pool.GetStatus(), status => status.State == EndpointState.Unavailable);
        Assert.All(second.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L, 0L), (status.State, status.Answered, status.Failed)));
    }

    [Fact]
    public void GetStatus_TakesNoTurn()
    {
        using FakePool pool = new(2);

        for (int i = 0; i < 5; i++)
        {
            Assert.All(pool.Pool.GetStatus(), status => Assert.Equal(EndpointState.Healthy, status.State));
        }

        Assert.Equal([0, 0], pool.Calls);
        Assert.Equal(2, pool.Pool.Count);
    }

    private static int Gcd(int left, int right) => right == 0 ? left : Gcd(right, left % right);

    private static Task FromThreadsAsync(int threads, int calls, Func<Task> call) => Task.WhenAll(Enumerable.Range(0, threads).Select(_ => Task.Run(async () =>
    {
        for (int i = 0; i < calls; i++)
        {
            await call();
        }
    })));
}
