using AzureOpenAI.RoundRobin.Tests.Fakes;
using static AzureOpenAI.RoundRobin.Tests.Rules.StalledPool;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A call that has waited longer than any recent answer can explain, at however few calls a second.</summary>
[Trait("Rule", "4")]
public class CallTooOldIsRelocatedTests
{
    private static readonly TimeSpan Usual = TimeSpan.FromMilliseconds(60);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task YoungerCallIsAnsweredElsewhere_IsRelocated(bool streaming)
    {
        using FakePool pool = await TimedAsync(64, Usual, streaming);
        Task<string> old = await HeldAsync(pool, streaming);

        pool.Time.Advance(Limit - TimeSpan.FromMilliseconds(1));
        Assert.False(old.IsCompleted);
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal("b", await old);
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SecondOneWithoutAnAnswerBetween_Stalls(bool streaming)
    {
        using FakePool pool = await TimedAsync(64, Usual, streaming);
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
            Task<string> old = await HeldAsync(pool, streaming);
            pool.Time.Advance(Limit);
            Assert.Equal("b", await old);
        }

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        Assert.Equal(EndpointFailureReason.Stalled, pool.Pool.GetStatus()[0].Reason);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EndpointAnswersBetween_StaysAvailable(bool streaming)
    {
        using FakePool pool = await TimedAsync(64, Usual, streaming);
        for (int i = 0; i < 4; i++)
        {
            Task<string> old = await HeldAsync(pool, streaming);
            pool.Time.Advance(Limit);
            Assert.Equal("b", await old);
            Task<string> other = AskAt(pool, 0, streaming);
            pool.Time.Advance(Usual);
            pool.Clients[0].Held[^1].Answer();
            Assert.Equal("a", await other);
        }

        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Fact]
    public async Task NothingYoungerIsAnswered_Waits()
    {
        using FakePool pool = await TimedAsync(64, Usual, streaming: false);
        Task<string> old = AskAt(pool, 0, streaming: false);

        pool.Time.Advance(10 * Limit);

        Assert.False(old.IsCompleted);
        pool.Clients[0].Held[^1].Answer();
        Assert.Equal("a", await old);
    }

    [Fact]
    public async Task YoungerCallIsAnsweredLater_IsRelocatedWithinASecond()
    {
        using FakePool pool = await TimedAsync(64, Usual, streaming: false);
        Task<string> old = AskAt(pool, 0, streaming: false);
        Pass(pool, 10 * Limit);

        await AnsweredAtOtherAsync(pool, streaming: false);
        Pass(pool, Limit);

        Assert.Equal("b", await old);
    }

    /// <summary>Our own process stood still, so every call seems old; the answer may be there already.</summary>
    [Fact]
    public async Task ProcessStoodStill_WaitsUntilItIsJudgedAgain()
    {
        using FakePool pool = await TimedAsync(64, Usual, streaming: false);
        Task<string> old = await HeldAsync(pool, streaming: false);

        pool.Time.Advance(Limit + TimeSpan.FromMilliseconds(251));
        Assert.False(old.IsCompleted);
        Pass(pool, TimeSpan.FromSeconds(1));

        Assert.Equal("b", await old);
    }

    [Fact]
    public async Task FewAnswersAreKnown_Waits()
    {
        using FakePool pool = await TimedAsync(3, Usual, streaming: false);
        Task<string> old = await HeldAsync(pool, streaming: false);

        pool.Time.Advance(10 * Limit);

        Assert.False(old.IsCompleted);
        pool.Clients[0].Held[^1].Answer();
        Assert.Equal("a", await old);
    }

    [Fact]
    public async Task SomeAnswersAreKnown_WaitsTwentyTimesAsLong()
    {
        using FakePool pool = await TimedAsync(62, 2 * Usual, streaming: false);
        Task<string> old = await HeldAsync(pool, streaming: false);

        pool.Time.Advance(TimeSpan.FromSeconds(2.399));
        Assert.False(old.IsCompleted);
        pool.Time.Advance(TimeSpan.FromSeconds(0.001));

        Assert.Equal("b", await old);
    }

    [Fact]
    public async Task RecentAnswersTookLong_WaitsFiveTimesAsLong()
    {
        using FakePool pool = await TimedAsync(64, TimeSpan.FromSeconds(4), streaming: false);
        Task<string> old = await HeldAsync(pool, streaming: false);

        pool.Time.Advance(TimeSpan.FromSeconds(19.9));
        Assert.False(old.IsCompleted);
        pool.Time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.Equal("b", await old);
    }

    [Fact]
    public async Task RelocatedOnce_IsNotRelocatedAgain()
    {
        using FakePool pool = await TimedAsync(64, Usual, streaming: false);
        Task<string> old = await HeldAsync(pool, streaming: false);
        pool.Clients[1].Hold();
        pool.Time.Advance(Limit);
        HeldCall again = pool.Clients[1].Held[^1];
        Assert.False(again.End.IsCompleted);

        pool.Time.Advance(20 * Limit);

        Assert.False(old.IsCompleted);
        again.Answer();
        Assert.Equal("b", await old);
    }

    /// <summary>Time passes in small steps, so that no timer is late.</summary>
    private static void Pass(FakePool pool, TimeSpan span)
    {
        TimeSpan step = TimeSpan.FromMilliseconds(100);
        for (TimeSpan passed = TimeSpan.Zero; passed < span; passed += step)
        {
            pool.Time.Advance(step);
        }
    }

    /// <summary>A pool of two that has timed so many answers.</summary>
    private static async Task<FakePool> TimedAsync(int answers, TimeSpan took, bool streaming)
    {
        FakePool pool = new(2);
        for (int i = 0; i < answers; i++)
        {
            Task<string> call = AskAt(pool, 1, streaming);
            pool.Time.Advance(took);
            pool.Clients[1].Held[^1].Answer();
            await call;
        }

        return pool;
    }

    /// <summary>A call that waits at the first endpoint, and a younger one that the second has answered.</summary>
    private static async Task<Task<string>> HeldAsync(FakePool pool, bool streaming)
    {
        Task<string> held = AskAt(pool, 0, streaming);
        await AnsweredAtOtherAsync(pool, streaming);
        return held;
    }

    private static async Task AnsweredAtOtherAsync(FakePool pool, bool streaming)
    {
        Task<string> younger = AskAt(pool, 1, streaming);
        pool.Clients[1].Held[^1].Answer();
        Assert.Equal("b", await younger);
        pool.Clients[1].Fails = null;
    }

    /// <summary>Asks until the call is at this endpoint. The other has answered any that came before it.</summary>
    private static Task<string> AskAt(FakePool pool, int index, bool streaming)
    {
        FakeChatClient client = pool.Clients[index];
        client.Hold();
        int before = client.Calls;
        for (int i = 0; i < 3; i++)
        {
            Task<string> call = pool.AskAsync(streaming);
            if (client.Calls > before)
            {
                return call;
            }

            AnswerAll(pool.Clients[1 - index]);
        }

        throw new InvalidOperationException($"No turn came to '{client.Name}'.");
    }
}
