using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Every endpoint refuses its key or lacks the deployment: waiting does not help, so the call fails at once.</summary>
[Trait("Rule", "5.8")]
public class AllEndpointsMisconfiguredTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Call_FailsAtOnce_AndListsAllEndpoints(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = FakeFailure.Status(401);
        pool.Clients[1].Fails = FakeFailure.Status(403);
        pool.Clients[2].Fails = FakeFailure.Status(404);
        for (int i = 0; i < 5; i++)
        {
            EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

            Assert.Equal(["a", "b", "c"], failure.Attempts.Select(attempt => attempt.EndpointName).Order());
            Assert.Contains("misconfigured", failure.Message, StringComparison.Ordinal);
            Assert.True(failure.Status is 401 or 403 or 404);
            Assert.NotNull(failure.GetRawResponse());
            Assert.Null(failure.RetryAfter);
        }

        Assert.Equal([1, 1, 1], pool.Calls);
        Assert.Equal(0, pool.Waiting);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AllByTheirKeys_MessageSaysSo(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(401);
        pool.Clients[1].Fails = FakeFailure.Status(403);

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Contains("refuses its key", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(404, 404, "Every endpoint is misconfigured, without such a deployment or path: check address, deployment name and api-version of each. Tried: ")]
    [InlineData(404, 401, "Every endpoint is misconfigured, with a key that it refuses or a deployment that it does not have. Check key or role of each, its address, deployment name and api-version. Tried: ")]
    public async Task ByTheirDeployments_MessageSaysWhatToCheck(int first, int second, string expected)
    {
        foreach (bool streaming in new[] { false, true })
        {
            using FakePool pool = new(2);
            pool.Clients[0].Fails = FakeFailure.Status(first);
            pool.Clients[1].Fails = FakeFailure.Status(second);

            EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

            Assert.StartsWith(expected, failure.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneByItsDeployment_FoundByAnEarlierCall_MessageDoesNotNameItsKey(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = FakeFailure.Status(404);
        pool.Clients[1].Fails = new HttpRequestException(HttpRequestError.ConnectionError);
        pool.Clients[2].Fails = new HttpRequestException(HttpRequestError.ConnectionError);
        using CancellationTokenSource source = new();
        Task<string> earlier = pool.AskAsync(streaming, token: source.Token);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => earlier);
        pool.Time.Advance(TimeSpan.FromSeconds(2));
        pool.Clients[1].Fails = FakeFailure.Status(401);
        pool.Clients[2].Fails = FakeFailure.Status(401);

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.StartsWith("Every endpoint is misconfigured, with a key that it refuses or a deployment that it does not have.", failure.Message, StringComparison.Ordinal);
        Assert.Equal([1, 3, 2], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneCallASecond_TriesAgain(bool streaming)
    {
        using FakePool pool = new(2);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.Status(401);
        }

        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        for (int second = 0; second < 5; second++)
        {
            pool.Time.Advance(TimeSpan.FromSeconds(0.999));
            await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
            Assert.Equal([second + 1, second + 1], pool.Calls);
            pool.Time.Advance(TimeSpan.FromSeconds(0.001));
            for (int i = 0; i < 5; i++)
            {
                await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
            }

            Assert.Equal([second + 2, second + 2], pool.Calls);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RepairedKey_IsFoundWithinASecond(bool streaming)
    {
        using FakePool pool = new(2);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.Status(401);
        }

        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        pool.Clients[1].Fails = null;
        pool.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal("b", await pool.AskAsync(streaming));
        Assert.Equal("bbbb", await pool.AskManyAsync(4, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CreatedDeployment_TakesCallsFromThenOn(bool streaming)
    {
        using FakePool pool = new(2);
        Array.ForEach(pool.Clients, client => client.Fails = FakeFailure.Status(404));
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        pool.Clients[0].Fails = null;
        pool.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal("aaa", await pool.AskManyAsync(3, streaming));
        Assert.NotEqual(EndpointState.Unavailable, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LastOneTurnsOutMisconfigured_QueuedCallsFailAtOnce(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(401);
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(5));
        Task<string>[] calls = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync(streaming))];
        pool.Clients[1].Fails = FakeFailure.Status(404);

        await pool.AdvanceAsync(5);

        foreach (Task<string> call in calls)
        {
            EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call);
            Assert.Contains("misconfigured", failure.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SomeMisconfigured_CallWaitsForTheOthersOnly(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = FakeFailure.Status(401);
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(20));
        pool.Clients[2].Fails = FakeFailure.Refused();
        Task<string> call = pool.AskAsync(streaming);
        for (int i = 0; i < 36; i++)
        {
            await pool.AdvanceAsync(0.25);
        }

        Assert.Equal([1, 1], pool.Calls[..2]);
        Assert.InRange(pool.Clients[2].Calls, 5, 50);
        pool.Clients[2].Fails = null;
        await pool.AdvanceAsync(1);
        Assert.Equal("c", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SomeMisconfigured_OthersBeyondMaxWait_IsRefusedWithTheirTime(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(401);
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(40));

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Equal((429, TimeSpan.FromSeconds(40)), (failure.Status, failure.RetryAfter));
    }
}
