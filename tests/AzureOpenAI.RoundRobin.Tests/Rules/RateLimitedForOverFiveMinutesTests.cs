using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Hints of hours: most likely the request alone exceeds the whole limit.</summary>
[Trait("Rule", "5.7")]
public class RateLimitedForOverFiveMinutesTests
{
    private static readonly TimeSpan Hours = TimeSpan.FromHours(20);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task First_EjectsNoEndpoint_AndFailsOver(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = FakeFailure.RateLimited(Hours);

        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal(EndpointState.Healthy, status.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Rule", "R2")]
    public async Task TwoOfThreeInACall_ThirdIsHealthy_IsAnswered(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = FakeFailure.RateLimited(TimeSpan.FromDays(1));
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromDays(1));

        Assert.Equal("c", await pool.AskAsync(streaming));
        Assert.Equal([1, 1, 1], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EveryEndpointInACall_Surfaces_AndSaysWhy(bool streaming)
    {
        using FakePool pool = new(4);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.RateLimited(Hours);
        }

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Contains("exceeds the deployment's tokens-per-minute limit", failure.Message, StringComparison.Ordinal);
        Assert.Equal(429, failure.Status);
        Assert.Equal([1, 1, 1, 1], pool.Calls);
        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal(EndpointState.Healthy, status.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SameRequestAgain_EjectsNoEndpoint(bool streaming)
    {
        using FakePool pool = new(2);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.RateLimited(Hours);
        }

        for (int i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming, prompt: "very long"));
        }

        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal(EndpointState.Healthy, status.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DifferentRequestAtTheSameEndpoint_EjectsItForAMinute(bool streaming)
    {
        using FakePool pool = new(2, jitter: () => 1);
        pool.Clients[0].Fails = FakeFailure.RateLimited(Hours);

        Assert.Equal("b", await pool.AskAsync(streaming, prompt: "one request"));
        Assert.Equal("b", await pool.AskAsync(streaming, prompt: "another request"));

        Assert.Equal(60, pool.OutFor(0));
        pool.Clients[0].Hold();
        pool.Time.Advance(TimeSpan.FromSeconds(60));
        Task<string>[] calls = [.. Enumerable.Range(0, 5).Select(_ => pool.AskAsync(streaming))];
        Assert.Equal(1, pool.Clients[0].Running);
        pool.Clients[0].Held[0].Answer();
        await Task.WhenAll(calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DifferentRequestAfterASuccess_EjectsNoEndpoint(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(FakeFailure.RateLimited(Hours), null, FakeFailure.RateLimited(Hours));

        await pool.AskAsync(streaming, prompt: "one request");
        await pool.AskManyAsync(2, streaming);
        await pool.AskAsync(streaming, prompt: "another request");

        Assert.Equal(3, pool.Clients[0].Calls);
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task BesideAnOrdinaryHint_WaitsForTheOrdinary(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.Zero);
        pool.Clients[0].Fails = FakeFailure.RateLimited(Hours);
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(3));

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.True(failure.RetryAfter <= TimeSpan.FromSeconds(3));
        Assert.Equal([EndpointState.Healthy, EndpointState.Unavailable], pool.Pool.GetStatus().Select(status => status.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NoOtherEndpointLeft_SurfacesAtOnce(bool streaming)
    {
        using FakePool pool = new(1);
        Exception failure = FakeFailure.RateLimited(Hours);
        pool.Clients[0].Fails = failure;
        Task<string> call = pool.AskAsync(streaming);

        await Eventually.TrueAsync(() => call.IsCompleted);

        Assert.Same(failure, await Assert.ThrowsAnyAsync<Exception>(() => call));
        Assert.Equal([1], pool.Calls);
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OthersUnavailable_NeverWaitsForHours(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(10));
        Assert.Equal("aa", await pool.AskManyAsync(2, streaming));
        Assert.Equal([2, 1], pool.Calls);
        pool.Clients[0].Fails = FakeFailure.RateLimited(Hours);
        pool.Clients[1].Fails = null;

        Task<string> call = pool.AskAsync(streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal([3, 1], pool.Calls);
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.TrueAsync(() => call.IsCompleted);

        Assert.Equal("b", await call);
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }
}
