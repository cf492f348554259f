using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Many calls at one instant, more than all endpoints together take at once.</summary>
[Trait("Rule", "4")]
public class BurstProtectionTests
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Rejected_DoesNotGoWhereTheSameBurstIsUnacknowledged(bool streaming)
    {
        using FakePool pool = new(4);
        Task<string>[] calls = Burst(pool, 400, streaming);

        // Each takes 40 of its 100, and says so one endpoint after the other: the worst order for whoever moves on at once.
        foreach (FakeChatClient client in pool.Clients)
        {
            foreach (HeldCall held in client.Held.Skip(40))
            {
                held.Fail(FakeFailure.RateLimited(Pause));
            }
        }

        await pool.SettleAsync();
        Assert.Equal([100, 100, 100, 100], pool.Calls);
        Assert.Equal(240, pool.Waiting);
        await EndAsync(pool, calls);
        Assert.InRange(pool.Calls.Sum(), 640, 680);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task BurstIsAnswered_OthersGoOn(bool streaming)
    {
        using FakePool pool = new(2);
        Task<string>[] calls = Burst(pool, 200, streaming);
        foreach (HeldCall held in pool.Clients[0].Held)
        {
            held.Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(20)));
        }

        await pool.SettleAsync();
        Assert.Equal((100, 100), (pool.Calls[1], pool.Waiting));
        Array.ForEach(pool.Clients[1].Held, held => held.Answer());
        pool.Clients[1].Fails = null;

        await pool.AdvanceAsync(0.05);

        Assert.All(await Task.WhenAll(calls), answer => Assert.Equal("b", answer));
        Assert.Equal([100, 200], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task BurstIsAdmittedButNotAnswered_OthersGoOnWithinTheRejectionTime(bool streaming)
    {
        using FakePool pool = new(2);
        Burst(pool, 200, streaming);
        foreach (HeldCall held in pool.Clients[0].Held)
        {
            held.Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(20)));
        }

        await pool.AdvanceAsync(0.2);
        Assert.Equal(100, pool.Calls[1]);
        for (int i = 0; i < 40; i++)
        {
            await pool.AdvanceAsync(0.05);
        }

        Assert.Equal((200, 0), (pool.Calls[1], pool.Waiting));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CannotWait_GoesOnAtOnce(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.Zero);
        Burst(pool, 200, streaming);

        foreach (HeldCall held in pool.Clients[0].Held)
        {
            held.Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(20)));
        }

        await pool.SettleAsync();
        Assert.Equal(200, pool.Calls[1]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ManyCallsInFlight_WhereThatIsUsual_AreNoBurst(bool streaming)
    {
        using FakePool pool = new(2);
        for (int i = 0; i < 10; i++)
        {
            Task<string>[] calls = Burst(pool, 100, streaming);
            await pool.AdvanceAsync(0.2);
            foreach ((HeldCall first, HeldCall second) in pool.Clients[0].Held.Zip(pool.Clients[1].Held))
            {
                first.Answer();
                second.Answer();
            }

            await Task.WhenAll(calls);
        }

        Burst(pool, 100, streaming);
        int before = pool.Calls[1];
        pool.Clients[0].Held[^1].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(20)));
        await pool.SettleAsync();

        Assert.Equal((before + 1, 0), (pool.Calls[1], pool.Waiting));
    }

    /// <summary>A call that asks only endpoints that it has not tried waits for none: the burst would end it while a healthy one is left.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RejectedInDoubt_GoesWhereTheBurstIsUnacknowledged(bool streaming)
    {
        using FakePool pool = new(3);
        Task<string>[] calls = Burst(pool, 300, streaming);
        pool.Clients[0].Held[0].Fail(FakeFailure.Status(421));
        await pool.SettleAsync();
        FakeChatClient second = pool.Clients.Single(static client => client.Calls == 101);

        second.Held[^1].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(20)));
        await pool.SettleAsync();

        Assert.Equal([100, 101, 101], pool.Calls);
        await EndAsync(pool, calls);
    }

    private static Task<string>[] Burst(FakePool pool, int count, bool streaming)
    {
        Array.ForEach(pool.Clients, client => client.Hold());
        return [.. Enumerable.Range(0, count).Select(_ => pool.AskAsync(streaming))];
    }

    private static async Task EndAsync(FakePool pool, Task<string>[] calls)
    {
        for (int i = 0; i < 100 && !calls.All(call => call.IsCompleted); i++)
        {
            Array.ForEach([.. pool.Clients.SelectMany(client => client.Held)], held => held.Answer());
            await pool.AdvanceAsync(0.1);
        }

        await Task.WhenAll(calls);
    }
}
