using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Who is asked, call by call.</summary>
public class TurnsTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_OneAfterTheOther_GoRoundInOrder(bool streaming)
    {
        using FakePool pool = new(3);

        Assert.Equal("abcabcabc", await pool.AskManyAsync(9, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_FromManyThreads_AreSpreadExactly(bool streaming)
    {
        using FakePool pool = new(3);

        await FromThreadsAsync(12, 500, () => pool.AskAsync(streaming));

        Assert.Equal([2000, 2000, 2000], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_FromManyThreadsWithWeights_AreSpreadExactly(bool streaming)
    {
        using FakePool pool = new(3, endpoint: (i, entry) => entry.Weight = i == 0 ? 5 : 1);

        await FromThreadsAsync(7, 500, () => pool.AskAsync(streaming));

        Assert.Equal([2500, 500, 500], pool.Calls);
    }

    [Fact]
    public Task Calls_WithAnyWeights_AreSpreadExactly() => Gen.Int[1, 100].Array[1, 8].SampleAsync(async weights =>
    {
        using FakePool pool = new(weights.Length, endpoint: (i, entry) => entry.Weight = weights[i]);

        await pool.AskManyAsync(weights.Sum());

        Assert.Equal(weights, pool.Calls);
    }, iter: 50);

    [Fact]
    public Task Calls_WithAnyWeightsFromAnyNumberOfThreads_AreSpreadExactly() =>
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
    public async Task Calls_WithWeights_AreSpreadSmoothly(bool streaming)
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
    public async Task OneThatAsksForAPause_LeavesTheOthersExactlyEven(uint start, bool streaming)
    {
        using FakePool pool = new(3, start: start);
        pool.Clients[1].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(20)));

        await pool.AskManyAsync(30, streaming);

        Assert.Equal([15, 1, 15], pool.Calls);
        pool.Time.Advance(TimeSpan.FromSeconds(20));
        await pool.AskManyAsync(30, streaming);
        Assert.InRange(pool.Clients[1].Calls, 10, 12);
        Assert.InRange(pool.Clients[0].Calls - pool.Clients[2].Calls, -1, 1);
    }

    [Fact]
    public async Task TheCursor_WhenItWraps_CostsAtMostOneUnevenLap()
    {
        using FakePool pool = new(3, start: uint.MaxValue - 300);

        await pool.AskManyAsync(600);

        Assert.All(pool.Calls, calls => Assert.InRange(calls, 199, 201));
    }

    [Fact]
    public async Task TheCursor_OfSeveralPools_StartsAnywhere()
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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheLoadOfAnEndpointThatIsOut_IsSharedEvenlyByTheOthers(bool streaming)
    {
        using FakePool pool = new(4);
        pool.Clients[1].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(60)));
        await pool.AskManyAsync(2, streaming);
        int[] before = pool.Calls;

        await FromThreadsAsync(6, 100, () => pool.AskAsync(streaming));

        Assert.Equal([200, 0, 200, 200], pool.Calls.Zip(before, (now, then) => now - then));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALowerTier_WhileTheBetterHasAnyFit_IsNotAsked(bool streaming)
    {
        using FakePool pool = new(3, endpoint: (i, entry) => entry.Priority = i == 2 ? 1 : 0);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(60)));

        Assert.Equal("bbbbbb", await pool.AskManyAsync(6, streaming));
        Assert.Equal(0, pool.Clients[2].Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALowerTier_WhileTheBetterHasNoneFit_IsAskedAndLeftAgain(bool streaming)
    {
        using FakePool pool = new(3, endpoint: (i, entry) => entry.Priority = i);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(10)));
        pool.Clients[1].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)));

        Assert.Equal("ccc", await pool.AskManyAsync(3, streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("bbb", await pool.AskManyAsync(3, streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("aaa", await pool.AskManyAsync(3, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACall_ThatPassesOverWhomItHasTried_LeavesThemTheirTurns(bool streaming)
    {
        using FakePool pool = new(2, endpoint: (i, entry) => entry.Weight = i == 0 ? 3 : 1);
        Assert.Equal("aabaaaba", await pool.AskManyAsync(8, streaming));
        pool.Clients[0].Plays(FakeFailure.Status(500));

        // The first failed at a, passed over a's next turn, and was answered by b.
        Assert.Equal("bbaaaba", await pool.AskManyAsync(7, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACall_ThatFails_TriesEachFitEndpointOnceBeforeAnyTwice(bool streaming)
    {
        using FakePool pool = new(5);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Plays(FakeFailure.Status(500));
        }

        pool.Clients[4].Fails = null;

        Assert.Equal("e", await pool.AskAsync(streaming));
        Assert.Equal([1, 1, 1, 1, 1], pool.Calls);
    }

    [Fact]
    public async Task TwoPools_OverTheSameClients_ShareNoState()
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
    public void AskingForTheStatus_WhileNothingHappens_TakesNoTurn()
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
