using System.ClientModel;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>What the caller sees of a call that could not be answered, and of the requests that are at fault themselves.</summary>
public class WhatSurfacesTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneAttempt_ThatFails_SurfacesAsTheSameObject(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.Zero);
        Exception failure = FakeFailure.RateLimited(TimeSpan.FromSeconds(60));
        pool.Clients[0].Fails = failure;

        Assert.Same(failure, await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SeveralAttempts_SomeRateLimited_SpeakWithThe429OfTheSoonestTime(bool streaming)
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
    public async Task ARefusalWithoutAnAttemptOfItsOwn_SpeaksWithThe429OfTheEndpoints(bool streaming)
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
    [InlineData(false)]
    [InlineData(true)]
    public async Task ARefusalWithoutAnAttemptOfItsOwn_WhereNobodyWasRateLimited_SpeaksWithTheLastOverHttp(bool streaming)
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
    public async Task SeveralAttempts_NoneRateLimited_SpeakWithTheLastOverHttp(bool streaming)
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
    public async Task SeveralAttempts_Always_AreListedInTheMessageWithTheirEndpoints(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.Zero);
        pool.Clients[0].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(60));
        pool.Clients[1].Fails = FakeFailure.Status(401);

        EndpointsExhaustedException exhausted = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Contains("'a' rate limited (429), asks for 60 s; 'b' refused its credential (401).", exhausted.Message, StringComparison.Ordinal);
        Assert.Contains("fit in 60 s", exhausted.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(400, false)]
    [InlineData(413, false)]
    [InlineData(415, false)]
    [InlineData(422, false)]
    [InlineData(431, false)]
    [InlineData(400, true)]
    [InlineData(413, true)]
    [InlineData(415, true)]
    [InlineData(422, true)]
    [InlineData(431, true)]
    public async Task ARequestAtFault_SurfacesAtOnceAndNobodyIsBlamed(int status, bool streaming)
    {
        using FakePool pool = new(3);
        Exception failure = FakeFailure.Status(status);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = failure;
        }

        for (int i = 0; i < 6; i++)
        {
            Assert.Same(failure, await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming)));
        }

        Assert.Equal([2, 2, 2], pool.Calls);
        Assert.All(pool.Pool.GetStatus(), endpoint => Assert.Equal((EndpointState.Healthy, 0L), (endpoint.State, endpoint.Failed)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ARequestAtFault_AfterOtherAttempts_StillSurfacesAsItself(bool streaming)
    {
        using FakePool pool = new(3);
        Exception failure = FakeFailure.Status(400);
        pool.Clients[0].Fails = FakeFailure.Status(429);
        pool.Clients[1].Fails = FakeFailure.Refused();
        pool.Clients[2].Fails = failure;

        Assert.Same(failure, await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ARequestAtFault_AtAnEndpointThatIsProbed_ShowsThatItCanBeReached(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(FakeFailure.Refused(), FakeFailure.Status(400));
        await pool.AskAsync(streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(1));

        await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming));

        Assert.Equal(EndpointState.Recovering, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnArgumentError_BeforeAnythingWasSent_SurfacesAtOnce(bool streaming)
    {
        using FakePool pool = new(2);
        Exception failure = new ArgumentException("The message has no role.");
        pool.Clients[0].Fails = failure;

        Assert.Same(failure, await Assert.ThrowsAsync<ArgumentException>(() => pool.AskAsync(streaming)));
        Assert.Equal([1, 0], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnArgumentError_AfterTheRequestWasSent_MovesOn(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming);

        pool.Clients[0].Held[0].Fail(new ArgumentException("The answer has no role."));

        Assert.Equal("b", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A404_WhereTheCallerNamedTheModelOfAReadyMadeClient_IsTheRequests(bool streaming)
    {
        using FakePool pool = new(2);
        Exception failure = FakeFailure.Status(404);
        pool.Clients[0].Fails = failure;

        Assert.Same(failure, await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming, new() { ModelId = "mistyped" })));
        Assert.Equal([1, 0], pool.Calls);
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    public async Task MaxAttempts_IsKept(int most, bool streaming)
    {
        using FakePool pool = new(5, options => options.MaxAttempts = most);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.Status(429);
        }

        ClientResultException failure = await Assert.ThrowsAnyAsync<ClientResultException>(() => pool.AskAsync(streaming));

        Assert.Equal(most, pool.Calls.Sum());
        Assert.Equal(most, failure is EndpointsExhaustedException exhausted ? exhausted.Attempts.Count : 1);
        Assert.Equal(429, failure.Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MaxAttempts_WhereOneNamedATime_SaysHowLongThatIsFromNow(bool streaming)
    {
        using FakePool pool = new(3, options => options.MaxAttempts = 2);
        pool.Clients[0].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(5));
        pool.Clients[1].Hold();
        Task<string> call = pool.AskAsync(streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(2));
        pool.Clients[1].Held[0].Fail(FakeFailure.Status(500));

        Assert.Equal(TimeSpan.FromSeconds(3), (await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call)).RetryAfter);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ManyAttempts_InTheMessage_AreShortened(bool streaming)
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
