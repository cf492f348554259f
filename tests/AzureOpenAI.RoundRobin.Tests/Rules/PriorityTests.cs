using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Provisioned throughput before pay-as-you-go: the best priority first, and what it has no room for goes on to the next.</summary>
[Trait("Rule", "4")]
public class PriorityTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LowerPriority_WhileTheBetterHasAnyAvailable_IsNotCalled(bool streaming)
    {
        using FakePool pool = new(3, endpoint: (i, entry) => entry.Priority = i == 2 ? 1 : 0);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(60)));

        Assert.Equal("bbbbbb", await pool.AskManyAsync(6, streaming));
        Assert.Equal(0, pool.Clients[2].Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LowerPriority_WhileTheBetterHasNoneAvailable_IsCalledAndLeftAgain(bool streaming)
    {
        using FakePool pool = new(3, endpoint: (i, entry) => entry.Priority = i);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(10)));
        pool.Clients[1].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)));

        Assert.Equal("ccc", await pool.AskManyAsync(3, streaming));
        // What their pace has no room for goes on to the next.
        Assert.Equal("bc", await AfterAsync(5, pool, 2, streaming));
        Assert.Equal("bb", await AfterAsync(2, pool, 1, streaming) + await AfterAsync(2, pool, 1, streaming));
        Assert.Equal("aaa", await AfterAsync(2, pool, 1, streaming) + await AfterAsync(2, pool, 1, streaming) + await AfterAsync(2, pool, 1, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task BestPriority_WithRoom_TakesAll(bool streaming)
    {
        using FakePool pool = Tiers([0, 0, 1, 1]);

        Assert.Equal("abababab", await pool.AskManyAsync(8, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NoRoomInTheBest_GoesAtOnceAndEvenlyToTheNext_AndComesBack(bool streaming)
    {
        using FakePool pool = Tiers([0, 0, 2, 1, 1], limited: 2);

        Assert.Equal("abdedede", await pool.AskManyAsync(8, streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("abdeab", await pool.AskManyAsync(4, streaming) + await AfterAsync(1, pool, 2, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RejectedByTheOnlyOneOfTheBest_FailsOverAtOnce_AndComesBackAfterTheHint(bool streaming)
    {
        using FakePool pool = Tiers([0, 1, 1]);
        await pool.AskManyAsync(3, streaming);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(3)));

        Assert.Equal("bcbc", await pool.AskManyAsync(4, streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(2.999));
        Assert.Equal("bc", await pool.AskManyAsync(2, streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(0.001));
        Assert.Equal("a", await pool.AskAsync(streaming));
        Assert.Equal(5, pool.Clients[0].Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task HundredsOfShortRejections_EachCostsOneAttempt(bool streaming)
    {
        using FakePool pool = Tiers([0, 1]);
        for (int i = 0; i < 300; i++)
        {
            pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromMilliseconds(20)));
            Assert.Equal("bb", await pool.AskManyAsync(2, streaming));
            int before = pool.Calls.Sum();
            pool.Time.Advance(TimeSpan.FromMilliseconds(20));
            // It is forgotten after as long a rest.
            Assert.Equal("a", await pool.AskAsync(streaming));
            Assert.Equal("aa", await AfterAsync(360, pool, 2, streaming));
            Assert.Equal(before + 3, pool.Calls.Sum());
        }

        Assert.Equal([1200, 600], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FailedAtAllOfTheBest_GoesToTheNext(bool streaming)
    {
        using FakePool pool = Tiers([0, 0, 1]);
        // One isolated fault puts nobody out, so the rotation stays as it is.
        pool.Clients[0].Plays(FakeFailure.Status(500));
        pool.Clients[1].Plays(FakeFailure.Status(500));

        Assert.Equal("c", await pool.AskAsync(streaming));
        Assert.Equal([1, 1, 1], pool.Calls);
        Assert.Equal("abab", string.Concat((await pool.AskManyAsync(4, streaming)).Order().Select((_, i) => "abab"[i])));
        Assert.Equal(1, pool.Clients[2].Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NoRoomInAny_WaitsForTheFirstWithRoom(bool streaming)
    {
        using FakePool pool = Tiers([0, 1], limited: 2);
        Task<string>[] calls = [.. Enumerable.Range(0, 4).Select(_ => pool.AskAsync(streaming))];
        Assert.Equal(2, pool.Waiting);

        await pool.AdvanceAsync(1);

        Assert.Equal(["a", "b", "a", "b"], await Task.WhenAll(calls));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NoRoomInTheBest_MaxWaitZero_IsNotRefused(bool streaming)
    {
        using FakePool pool = Tiers([0, 2, 1, 1], limited: 1, options => options.MaxWait = TimeSpan.Zero);

        Assert.Equal("acdcdcdcd", await pool.AskManyAsync(9, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WorsePriorityAfterItsCooldown_IsProbedByACallWithoutRoomInTheBest(bool streaming)
    {
        using FakePool pool = Tiers([0, 1], limited: 1);
        pool.Clients[1].Fails = FakeFailure.Refused();
        Assert.Equal("a", await pool.AskAsync(streaming));
        for (int i = 0; i < 2; i++)
        {
            // Fails there, and waits for the next turn of the best tier.
            int asked = pool.Clients[1].Calls;
            Task<string> call = pool.AskAsync(streaming);
            Assert.True(pool.Clients[1].Calls > asked);
            Assert.Equal(1, pool.Waiting);
            await pool.AdvanceAsync(4);
            Assert.Equal("a", await call);
        }

        pool.Clients[1].Fails = null;
        Assert.Equal("bbb", await pool.AskManyAsync(3, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WorsePriorityAfterItsCooldown_IsNotProbedWhileTheBestHasRoom(bool streaming)
    {
        using FakePool pool = Tiers([0, 0, 1]);
        pool.Clients[0].Plays(FakeFailure.Status(500));
        pool.Clients[1].Plays(FakeFailure.Status(500));
        pool.Clients[2].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(3)));
        Task<string> call = pool.AskAsync(streaming);
        await pool.AdvanceAsync(4);
        Assert.NotEqual("c", await call);

        await pool.AskManyAsync(8, streaming);

        Assert.Equal(1, pool.Clients[2].Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NoRoomInTheBest_GoesToTheNextAndNotToTheWorst(bool streaming)
    {
        using FakePool pool = Tiers([0, 1, 2], limited: 1);

        Assert.Equal("abbbb", await pool.AskManyAsync(5, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NoRoomInTheBest_FollowsTheRotationOfTheNext(bool streaming)
    {
        using FakePool pool = Tiers([0, 1, 1, 1], limited: 1);

        Assert.Equal("abcdbcd", await pool.AskManyAsync(7, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NoRoomInTheBest_EndpointsOfTheNextWithoutRoomAreSkipped(bool streaming)
    {
        using FakePool pool = Tiers([0, 1, 1], limited: 2);

        Assert.Equal("abcccc", await pool.AskManyAsync(6, streaming));
    }

    [Theory]
    [InlineData(2, 1, false)]
    [InlineData(2, 1, true)]
    [InlineData(1, 2, false)]
    [InlineData(1, 2, true)]
    public async Task TwoWorsePrioritiesAfterTheirCooldown_TheBetterIsProbed(int b, int c, bool streaming)
    {
        using FakePool pool = Tiers([0, b, c], limited: 1);
        pool.Clients[1].Fails = FakeFailure.Refused();
        pool.Clients[2].Fails = FakeFailure.Refused();
        await pool.AskAsync(streaming);
        Task<string> call = pool.AskAsync(streaming);
        await pool.AdvanceAsync(4);
        Assert.Equal("a", await call);
        pool.Clients[1].Fails = null;
        pool.Clients[2].Fails = null;

        Assert.Equal(b < c ? "b" : "c", await pool.AskAsync(streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task BetterPriorityRecovers_TakesEveryCall_WithoutBudget(bool streaming)
    {
        using FakePool pool = Tiers([0, 1]);
        pool.Clients[0].Plays(FakeFailure.Refused());
        Assert.Equal("b", await pool.AskAsync(streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(2));

        // More than the budget of probes and retries would pay for.
        Assert.Equal(new string('a', 15), await pool.AskManyAsync(15, streaming));
    }

    private static async Task<string> AfterAsync(double seconds, FakePool pool, int count, bool streaming)
    {
        pool.Time.Advance(TimeSpan.FromSeconds(seconds));
        return await pool.AskManyAsync(count, streaming);
    }

    /// <summary>Endpoints of these priorities, the first of which take one call a second.</summary>
    private static FakePool Tiers(int[] priorities, int limited = 0, Action<RoundRobinOptions>? configure = null) => new(priorities.Length, configure, (i, entry) =>
    {
        entry.Priority = priorities[i];
        entry.RequestsPerMinute = i < limited ? 60 : null;
    });
}
