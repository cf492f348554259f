using System.ClientModel;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>What the caller sees of a call that no endpoint could answer.</summary>
[Trait("Rule", "5.10")]
public class WhatSurfacesTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneAttempt_SurfacesAsTheSameObject(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.Zero);
        Exception failure = FakeFailure.RateLimited(TimeSpan.FromSeconds(60));
        pool.Clients[0].Fails = failure;

        Assert.Same(failure, await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SeveralAttempts_SomeRateLimited_PassOnThe429OfTheSoonestTime(bool streaming)
    {
        using FakePool pool = new(4);
        ClientResultException soonest = FakeFailure.RateLimited(TimeSpan.FromSeconds(40));
        Exception[] failures =
        [
            FakeFailure.RateLimited(TimeSpan.FromSeconds(60)), soonest, FakeFailure.RateLimited(TimeSpan.FromSeconds(50)),
            FakeFailure.Status(503, ("Retry-After", "100")),
        ];
        for (int i = 0; i < failures.Length; i++)
        {
            pool.Clients[i].Fails = failures[i];
        }

        EndpointsExhaustedException exhausted = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Equal(429, exhausted.Status);
        Assert.Same(soonest.GetRawResponse(), exhausted.GetRawResponse());
        Assert.Same(soonest, exhausted.InnerException);
        Assert.Equal(TimeSpan.FromSeconds(40), exhausted.RetryAfter);
        Assert.Equal(["a", "b", "c", "d"], exhausted.Attempts.Select(attempt => attempt.EndpointName).Order());
        Assert.All(exhausted.Attempts, attempt =>
        {
            int i = attempt.EndpointName[0] - 'a';
            Assert.Same(failures[i], attempt.Exception);
            Assert.Equal((i == 3 ? 503 : 429, new[] { 60, 40, 50, 100 }[i]), (attempt.Status, attempt.RetryAfter?.TotalSeconds));
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RefusedWithoutAnAttempt_PassesOnThe429OfTheEndpoints(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.Zero);
        Exception limited = FakeFailure.RateLimited(TimeSpan.FromSeconds(60));
        pool.Clients[0].Fails = limited;
        pool.Clients[1].Fails = FakeFailure.Status(503, ("retry-after-ms", "90000"));
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        int asked = pool.Calls.Sum();

        EndpointsExhaustedException refused = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Equal(asked, pool.Calls.Sum());
        Assert.Equal(429, refused.Status);
        Assert.Same(limited, refused.InnerException);
    }

    [Theory]
    [Trait("Rule", "R17")]
    [InlineData(429, false)]
    [InlineData(429, true)]
    [InlineData(503, false)]
    [InlineData(503, true)]
    public async Task RefusedWithoutAnAttempt_PassesOnTheResponseWithTheSoonestTime(int status, bool streaming)
    {
        for (int soonest = 0; soonest < 3; soonest++)
        {
            using FakePool pool = new(3, options => options.MaxWait = TimeSpan.Zero);
            Exception[] failures = [.. Enumerable.Range(0, 3).Select(i => FakeFailure.Status(i == soonest ? status : 429, ("Retry-After", i == soonest ? "40" : $"{100 + i}")))];
            for (int i = 0; i < 3; i++)
            {
                pool.Clients[i].Fails = failures[i];
            }

            await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
            pool.Time.Advance(TimeSpan.FromSeconds(10));

            EndpointsExhaustedException refused = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

            Assert.Equal(3, pool.Calls.Sum());
            Assert.Same(failures[soonest], refused.InnerException);
            Assert.Equal((status, TimeSpan.FromSeconds(30)), (refused.Status, refused.RetryAfter));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RefusedWithoutAnAttempt_NoneRateLimited_PassesOnTheLastHttpFailure(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.Zero);
        Exception down = FakeFailure.Status(503, ("retry-after-ms", "90000"));
        pool.Clients[0].Fails = down;
        pool.Clients[1].Fails = FakeFailure.Refused();
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        int asked = pool.Calls.Sum();

        EndpointsExhaustedException refused = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Equal(asked, pool.Calls.Sum());
        Assert.Equal(503, refused.Status);
        Assert.Same(down, refused.InnerException);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SeveralAttempts_NoneRateLimited_PassOnTheLastHttpFailure(bool streaming)
    {
        using FakePool pool = new(4, options => options.MaxWait = TimeSpan.Zero);
        ClientResultException last = FakeFailure.Status(502);
        pool.Clients[0].Fails = FakeFailure.Status(500);
        pool.Clients[1].Fails = FakeFailure.Status(504);
        pool.Clients[2].Fails = last;
        pool.Clients[3].Fails = new InvalidOperationException("unknown");

        EndpointsExhaustedException exhausted = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Equal(502, exhausted.Status);
        Assert.Same(last.GetRawResponse(), exhausted.GetRawResponse());
        Assert.Same(last, exhausted.InnerException);
        Assert.Equal([500, 504, 502, null], exhausted.Attempts.Select(attempt => attempt.Status));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SeveralAttempts_NoneOverHttp_HaveStatusZeroAndNoResponse(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.Zero);
        pool.Clients[0].Fails = FakeFailure.Refused();
        pool.Clients[1].Fails = new InvalidOperationException("unknown");

        EndpointsExhaustedException exhausted = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Equal(0, exhausted.Status);
        Assert.Null(exhausted.GetRawResponse());
        Assert.Equal([EndpointFailureReason.Unreachable, EndpointFailureReason.Failed], exhausted.Attempts.Select(attempt => attempt.Reason));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SeveralAttempts_AreListedInTheMessageWithTheirEndpoints(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.Zero);
        pool.Clients[0].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(60));
        pool.Clients[1].Fails = FakeFailure.Status(401);

        EndpointsExhaustedException exhausted = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Contains("'a' rate limited (429), asks to retry after 60 s; 'b' refused its credential (401).", exhausted.Message, StringComparison.Ordinal);
        Assert.Contains("available in about 60 s", exhausted.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ManyAttempts_MessageIsShortened(bool streaming)
    {
        using FakePool pool = new(25, options => options.MaxWait = TimeSpan.Zero);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.Refused();
        }

        EndpointsExhaustedException exhausted = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Equal(25, exhausted.Attempts.Count);
        Assert.Contains("and 15 more", exhausted.Message, StringComparison.Ordinal);
    }
}
