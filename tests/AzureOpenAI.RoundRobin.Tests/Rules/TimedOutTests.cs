using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Attempts that end by our own AttemptTimeout.</summary>
[Trait("Rule", "5.3")]
public class TimedOutTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TimedOutTwiceInARow_CooldownIsFourTimesTheCost(bool streaming)
    {
        using FakePool pool = new(2, options => options.AttemptTimeout = TimeSpan.FromSeconds(3));
        pool.Clients[0].Hold();
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
            Task<string> call = pool.AskAsync(streaming);
            pool.Time.Advance(TimeSpan.FromSeconds(3));
            Assert.Equal("b", await call);
        }

        Assert.Equal(12, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ToTheAnswerOrTheFirstUpdate_FailsOverOnce(bool streaming)
    {
        using FakePool pool = new(3, options => options.AttemptTimeout = Limit);
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming);

        pool.Time.Advance(Limit - TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, pool.Clients[0].Running);
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal("b", await call);
        Assert.True(pool.Clients[0].Held[0].Token.IsCancellationRequested);
        Assert.Equal([1, 1, 0], pool.Calls);
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AtBoth_IsATimeoutException(bool streaming)
    {
        using FakePool pool = new(2, options => options.AttemptTimeout = Limit);
        pool.Clients[0].Hold();
        pool.Clients[1].Hold();
        Task<string> call = pool.AskAsync(streaming);

        pool.Time.Advance(Limit);
        pool.Time.Advance(Limit);

        TimeoutException failure = await Assert.ThrowsAsync<TimeoutException>(() => call);
        Assert.Contains("'b'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("AttemptTimeout", failure.Message, StringComparison.Ordinal);
        Assert.IsAssignableFrom<OperationCanceledException>(failure.InnerException);
        Assert.Equal([1, 1], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OnlyAttempt_IsATimeoutException(bool streaming)
    {
        using FakePool pool = new(1, options => (options.AttemptTimeout, options.MaxWait) = (Limit, TimeSpan.Zero));
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming);

        pool.Time.Advance(Limit);

        TimeoutException failure = await Assert.ThrowsAsync<TimeoutException>(() => call);
        Assert.Contains("'a'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("10 s", failure.Message, StringComparison.Ordinal);
        Assert.IsAssignableFrom<OperationCanceledException>(failure.InnerException);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task UnrequestedCancellation_FailsOver(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = new OperationCanceledException();

        Assert.Equal("b", await pool.AskAsync(streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task UnrequestedCancellation_AtBoth_IsATimeoutException(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = new OperationCanceledException();
        pool.Clients[1].Fails = new TaskCanceledException();

        await Assert.ThrowsAsync<TimeoutException>(() => pool.AskAsync(streaming));
        Assert.Equal([1, 1], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TimeoutByTheService_AtAll_SurfacesWithItsStatus(bool streaming)
    {
        using FakePool pool = new(3);
        Array.ForEach(pool.Clients, client => client.Fails = FakeFailure.Status(408));

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Equal(408, failure.Status);
        Assert.Equal([1, 1, 1], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TimeoutOfAReadyMadeClient_IsNotTakenForAConnectTimeout(bool streaming)
    {
        using FakePool readyMade = new(2);
        readyMade.Clients[0].Fails = new TaskCanceledException("timed out", new TimeoutException());
        Assert.Equal("b", await readyMade.AskAsync(streaming));
        Assert.Equal(EndpointState.Healthy, readyMade.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ThenAnotherFailure_FailsOver(bool streaming)
    {
        using FakePool pool = new(3, options => options.AttemptTimeout = Limit);
        pool.Clients[0].Hold();
        pool.Clients[1].Fails = FakeFailure.Status(429);
        Task<string> call = pool.AskAsync(streaming);

        pool.Time.Advance(Limit);

        Assert.Equal("c", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WithASuccessBetween_NeverEjectsTheEndpoint(bool streaming)
    {
        using FakePool pool = new(2, options => options.AttemptTimeout = Limit);
        for (int i = 0; i < 3; i++)
        {
            pool.Clients[0].Hold();
            Task<string> call = pool.AskAsync(streaming);
            pool.Time.Advance(Limit);
            Assert.Equal("b", await call);
            pool.Clients[0].Fails = null;
            Assert.Equal("ab", await pool.AskManyAsync(2, streaming));
        }

        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task InfiniteTimeout_NeverEndsAnAttempt(bool streaming)
    {
        using FakePool pool = new(2, options => options.AttemptTimeout = Timeout.InfiniteTimeSpan);
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming);

        pool.Time.Advance(TimeSpan.FromDays(1));
        pool.Clients[0].Held[0].Answer();

        Assert.Equal("a", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DeadlineAfterTheAnswer_ChangesNothing(bool streaming)
    {
        using FakePool pool = new(1, options => options.AttemptTimeout = Limit);
        pool.Clients[0].Hold();
        for (int i = 0; i < 50; i++)
        {
            // The object of the attempt is reused, and its timer may still be set for the one before.
            Task<string> call = pool.AskAsync(streaming);
            pool.Time.Advance(0.7 * Limit);
            Assert.False(pool.Clients[0].Held[^1].Token.IsCancellationRequested);
            pool.Clients[0].Held[^1].Answer();
            Assert.Equal("a", await call);
        }

        Assert.Equal(0, pool.StatusOf(0).Failed);
    }
}
