using System.ClientModel;
using System.Text.Json;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Answers that cannot be read: the endpoint's fault, or a kind of answer that the SDK does not know.</summary>
[Trait("Rule", "5.3")]
public class BrokenAnswerTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task BrokenAnswer_IsTriedOnOneOtherEndpoint(bool streaming)
    {
        using FakePool pool = new(4);
        pool.Clients[0].Fails = new IOException("broken");

        Assert.Equal("b", await pool.AskAsync(streaming));
        Assert.Equal([1, 1, 0, 0], pool.Calls);
        Assert.Equal(1, pool.StatusOf(0).Failed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TwiceTheSameWay_Surfaces_AndEjectsNoEndpoint(bool streaming)
    {
        using FakePool pool = new(2);
        Exception[] failures = [new JsonException("unknown finish reason"), new JsonException("unknown finish reason")];
        pool.Clients[0].Fails = failures[0];
        pool.Clients[1].Fails = failures[1];
        for (int i = 0; i < 4; i++)
        {
            Assert.Contains(await Assert.ThrowsAsync<JsonException>(() => pool.AskAsync(streaming)), failures);
            Assert.All(pool.Pool.GetStatus(), endpoint => Assert.Equal(EndpointState.Healthy, endpoint.State));
        }

        Assert.Equal([4, 4], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TwoOfFour_ThirdAnswers_AndBothCount(bool streaming)
    {
        using FakePool pool = new(4);
        pool.Clients[0].Fails = new JsonException("broken");
        pool.Clients[1].Fails = new IOException("broken");

        Assert.Equal("c", await pool.AskAsync(streaming));
        Assert.Equal([1, 1, 1, 0], pool.Calls);
        await pool.AskManyAsync(3, streaming);

        Assert.Equal([EndpointState.Unavailable, EndpointState.Unavailable, EndpointState.Healthy, EndpointState.Healthy], pool.Pool.GetStatus().Select(endpoint => endpoint.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ThenAnotherFailure_FailsOverToTheThird(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = new IOException("broken");
        pool.Clients[1].Fails = FakeFailure.Status(429);

        Assert.Equal("c", await pool.AskAsync(streaming));
        await pool.AskAsync(streaming);
        await pool.AskAsync(streaming);

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ThenARequestAtFault_IsTheEndpoints(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = new IOException("broken");
        pool.Clients[1].Fails = FakeFailure.Status(400);

        await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming));

        AssertBlamed(pool);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ThenTheCallerCancels_CountsForNoEndpoint(bool streaming)
    {
        using FakePool pool = new(3);
        using CancellationTokenSource source = new();
        pool.Clients[0].Fails = new IOException("broken");
        pool.Clients[1].Hold();
        Task<string> call = pool.AskAsync(streaming, token: source.Token);

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ThenTwoTimeouts_IsTheEndpoints(bool streaming)
    {
        using FakePool pool = new(3, options => options.AttemptTimeout = TimeSpan.FromSeconds(10));
        pool.Clients[0].Fails = new IOException("broken");
        pool.Clients[1].Hold();
        pool.Clients[2].Hold();
        Task<string> call = pool.AskAsync(streaming);
        await pool.AdvanceAsync(10);
        await pool.AdvanceAsync(10);

        await Assert.ThrowsAsync<TimeoutException>(() => call);
        AssertBlamed(pool);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ThenTwoHintsOfHours_IsTheEndpoints(bool streaming)
    {
        using FakePool pool = new(4);
        pool.Clients[0].Fails = new IOException("broken");
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromHours(20));
        pool.Clients[2].Fails = FakeFailure.RateLimited(TimeSpan.FromHours(20));

        Assert.Equal("d", await pool.AskAsync(streaming));

        AssertBlamed(pool);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ThenTheLastAttemptAllowed_IsTheEndpoints(bool streaming)
    {
        using FakePool pool = new(3, options => options.MaxAttempts = 2);
        pool.Clients[0].Fails = new IOException("broken");
        pool.Clients[1].Fails = FakeFailure.Status(429);

        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        AssertBlamed(pool);
    }

    [Theory]
    [InlineData(404, false)]
    [InlineData(404, true)]
    [InlineData(429, false)]
    [InlineData(429, true)]
    public async Task ThenNoEndpointIsLeft_IsTheEndpoints(int status, bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.Zero);
        Array.ForEach(pool.Clients, client => client.Hold());
        Task<string>[] calls = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync(streaming))];
        pool.Clients[0].Held[0].Fail(new IOException("broken"));
        pool.Clients[0].Held[1].Fail(FakeFailure.Status(status));
        await pool.SettleAsync();
        Array.ForEach(pool.Clients[1].Held, held => held.Fail(FakeFailure.Status(status)));

        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => calls[0]);
        await Assert.ThrowsAnyAsync<Exception>(() => Task.WhenAll(calls));
        AssertBlamed(pool);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ThenTheCallerCancelsInTheQueue_IsTheEndpoints(bool streaming)
    {
        using FakePool pool = new(2);
        using CancellationTokenSource source = new();
        Array.ForEach(pool.Clients, client => client.Hold());
        Task<string> call = pool.AskAsync(streaming, token: source.Token);
        Task<string>[] others = [.. Enumerable.Range(0, 2).Select(_ => pool.AskAsync(streaming))];
        pool.Clients[0].Held[0].Fail(new IOException("broken"));
        pool.Clients[0].Held[1].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)));
        await pool.SettleAsync();
        Array.ForEach(pool.Clients[1].Held, held => held.Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(5))));
        await pool.SettleAsync();
        Assert.Equal(3, pool.Waiting);

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        AssertBlamed(pool);
        Array.ForEach(pool.Clients, client => client.Fails = null);
        await pool.AdvanceAsync(5);
        await Task.WhenAll(others);
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData("{}", false)]
    [InlineData("<html>Bad gateway</html>", false)]
    [InlineData("""{"error":{"code":"500","message":"inside a 200"}}""", false)]
    [InlineData(null, true)]
    [InlineData("{}", true)]
    [InlineData("<html>Bad gateway</html>", true)]
    [InlineData("""{"error":{"code":"500","message":"inside a 200"}}""", true)]
    public async Task Status200WithoutAnAnswer_FailsOver(string? body, bool streaming)
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one"
            ? streaming && (body is null or ['{', ..]) ? FakeService.Events(body is null ? [] : [body]) : new() { Content = new StringContent(body ?? "") }
            : null;

        Assert.Equal("two", await pool.AskAsync(streaming));
        Assert.Equal(["one", "two"], pool.Service.Requests.Select(request => request.Host));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Status200WithoutAFinishReason_IsNeverASuccess(bool streaming)
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" ? FakeService.Answer(request, finish: null) : null;

        if (streaming)
        {
            ChatStreamInterruptedException cut = await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming));
            Assert.Equal("one", cut.EndpointName);
            Assert.Equal(EndpointState.Unavailable, pool.StateOf("one"));
        }
        else
        {
            Assert.Equal("two", await pool.AskAsync(streaming));
        }
    }

    [Fact]
    public async Task UnknownFinishReason_EjectsNoEndpoint()
    {
        using ServicePool pool = new(["one", "two", "three"]);
        pool.Service.On = request => FakeService.Answer(request, "brand_new_reason");
        for (int i = 0; i < 4; i++)
        {
            await Assert.ThrowsAnyAsync<ArgumentOutOfRangeException>(() => pool.AskAsync());
        }

        Assert.All(pool.Pool.GetStatus(), status => Assert.NotEqual(EndpointState.Unavailable, status.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ReadyMadeClientWithoutAFinishReason_IsASuccess(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnCall = (_, _, _) => Task.FromResult(new ChatResponse());
        pool.Clients[0].OnStream = (_, _, token) => FakeChatClient.Updates(token);

        Assert.Equal("", await pool.AskAsync(streaming));
        Assert.Equal([1, 0], pool.Calls);
        Assert.Equal(1, pool.StatusOf(0).Answered);
    }

    private static void AssertBlamed(FakePool pool) => Assert.False(pool.EndpointAt(0).Resource.Health.IsClean);
}
