using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Ready-made clients of other SDKs throw exceptions of their own: what these say is heard, and what says nothing is asked of each endpoint once.</summary>
[Trait("Rule", "R3")]
public class ForeignExceptionTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ThrottledWithATime_RestsForExactlyThat(bool streaming)
    {
        Exception[] throttled =
        [
            ForeignSdkException.Of(429, ("Retry-After", "20")), new ForeignNumberException(429, TimeSpan.FromSeconds(20)), new InvalidOperationException("outer", ForeignSdkException.Of(429, ("retry-after-ms", "20000"))),
            new AggregateException(new TimeoutException(), new ForeignNumberException(429, TimeSpan.FromSeconds(20))), ForeignSdkException.Of(529, ("Retry-After", "20")),
        ];
        foreach (Exception failure in throttled)
        {
            using FakePool pool = new(2, jitter: () => 1);
            pool.Clients[0].Plays(failure);

            Assert.Equal("b", await pool.AskAsync(streaming));

            Assert.Equal(20, pool.OutFor(0));
        }
    }

    [Theory]
    [InlineData(400, false)]
    [InlineData(400, true)]
    [InlineData(413, false)]
    [InlineData(413, true)]
    public async Task TooLongPrompt_IsTheRequests(int status, bool streaming)
    {
        using FakePool pool = new(2);
        Exception failure = new InvalidOperationException("outer", ForeignSdkException.Of(status));
        Array.ForEach(pool.Clients, client => client.Fails = failure);
        for (int i = 0; i < 3; i++)
        {
            Assert.Same(failure, await Assert.ThrowsAsync<InvalidOperationException>(() => pool.AskAsync(streaming)));
        }

        Assert.Equal(3, pool.Calls.Sum());
        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    [InlineData(4, false)]
    [InlineData(4, true)]
    public async Task SaysNothing_AsksEachEndpointOnce_AndNobodyIsBlamed(int count, bool streaming)
    {
        using FakePool pool = new(count);
        Exception failure = new UnknownSdkException("prompt too long");
        Array.ForEach(pool.Clients, client => client.Fails = failure);
        for (int i = 1; i <= 4; i++)
        {
            Exception thrown = await Assert.ThrowsAnyAsync<Exception>(() => pool.AskAsync(streaming));

            Assert.Same(failure, count == 1 ? thrown : Assert.IsType<EndpointsExhaustedException>(thrown).InnerException);
            Assert.All(pool.Calls, calls => Assert.Equal(i, calls));
        }

        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal(EndpointState.Healthy, status.State));
        Assert.Equal((TimeSpan.Zero, 0), (pool.Time.GetUtcNow() - Clocks.Start, pool.Waiting));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SaysNothing_AtOneEndpointOnly_EjectsItAtTheSecondInARow(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = new UnknownSdkException("broken");

        Assert.Equal("b", await pool.AskAsync(streaming));
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        Assert.Equal("b", await pool.AskAsync(streaming));
        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal((EndpointState.Unavailable, EndpointFailureReason.Failed), (pool.StateOf(0), pool.StatusOf(0).Reason));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SaysNothing_WhileAnotherEndpointRests_WaitsForThatOneOnly(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = new UnknownSdkException("broken");
        pool.Clients[1].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(2)));
        Task<string> call = pool.AskAsync(streaming);

        await pool.AdvanceAsync(1.999, paused: 1);
        Assert.Equal([1, 1], pool.Calls);
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal("b", await call);
        Assert.Equal([1, 2], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatOfTheTransportIsInside_Counts(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(new InvalidOperationException("outer", FakeFailure.Refused()));

        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal(EndpointFailureReason.Unreachable, pool.StatusOf(0).Reason);
    }
}
