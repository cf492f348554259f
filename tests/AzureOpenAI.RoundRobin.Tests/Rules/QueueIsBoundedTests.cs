using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>No more calls wait than MaxWaiting allows.</summary>
[Trait("Rule", "5.5")]
public class QueueIsBoundedTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task QueueIsFull_ANewCallIsRefusedAtOnce_AndSaysSo(bool streaming)
    {
        using FakePool pool = Limited(maxWaiting: 2);
        await pool.AskAsync(streaming);
        Task<string>[] waiting = [pool.AskAsync(streaming), pool.AskAsync(streaming)];

        EndpointsExhaustedException refused = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.StartsWith("As many calls wait as MaxWaiting allows. The next endpoint is available in about ", refused.Message, StringComparison.Ordinal);
        Assert.InRange(refused.RetryAfter!.Value.TotalSeconds, 1, 3);
        Assert.Equal((2, 1), (pool.Waiting, pool.Clients[0].Calls));

        await pool.AdvanceAsync(1);
        await waiting[0];
        Task<string> next = pool.AskAsync(streaming);
        Assert.Equal(2, pool.Waiting);
        await pool.AdvanceAsync(1);
        await pool.AdvanceAsync(1);
        await Task.WhenAll(waiting[1], next);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ReleasedAndFailed_ReturnsThoughTheQueueIsFull(bool streaming)
    {
        using FakePool pool = Limited(maxWaiting: 1);
        await pool.AskAsync(streaming);
        Task<string> released = pool.AskAsync(streaming);
        pool.Clients[0].Hold();
        await pool.AdvanceAsync(1);
        Task<string> newcomer = pool.AskAsync(streaming);
        Assert.Equal((1, 2), (pool.Waiting, pool.Clients[0].Calls));

        HeldCall held = pool.Clients[0].Held[^1];
        pool.Clients[0].Fails = null;
        held.Fail(FakeFailure.RateLimited(TimeSpan.FromMilliseconds(50)));
        Assert.Equal(2, pool.Waiting);

        await pool.AdvanceAsync(1);
        await pool.AdvanceAsync(1);
        await Task.WhenAll(released, newcomer);
    }

    [Fact]
    public async Task Zero_NoCallWaits()
    {
        using FakePool pool = Limited(maxWaiting: 0);
        await pool.AskAsync();

        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync());

        await pool.AdvanceAsync(1);
        await pool.AskAsync();
        Assert.Equal(2, pool.Clients[0].Calls);
    }

    /// <summary>One endpoint, which takes one call a second.</summary>
    private static FakePool Limited(int maxWaiting) => new(1, options => options.MaxWaiting = maxWaiting, (_, entry) => entry.RequestsPerMinute = 60);
}
