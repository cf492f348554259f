using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using OpenAI;

namespace AzureOpenAI.RoundRobin.Tests;

/// <summary>Operations of the SDK under the rules of a call.</summary>
public class EndpointPoolInvokeTests
{
    [Fact]
    public async Task NextAndInvokeAsync_ReadyMadeClients_Throw()
    {
        using FakePool pool = new(2);

        Assert.Throws<InvalidOperationException>(() => pool.Pool.Next());
        await Assert.ThrowsAsync<InvalidOperationException>(() => InvokeAsync(pool.Pool, (_, _) => Task.FromResult(1)));
    }

    [Fact]
    public async Task InvokeAsync_Failure_RunsTheOperationAtTheNextEndpoint()
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(429, ("Retry-After", "60")) : null;
        List<string> ran = [];

        string text = await InvokeAsync(pool.Pool, async (client, token) =>
        {
            ran.Add(client.EndpointName);
            return (await client.Client.GetChatClient(client.DeploymentName).AsIChatClient().GetResponseAsync("hi", cancellationToken: token)).Text;
        });

        Assert.Equal("two", text);
        Assert.Equal(["one", "two"], ran);
        Assert.Equal(EndpointState.Unavailable, pool.StateOf("one"));
    }

    [Fact]
    public async Task InvokeAsync_FailureOfTheUsersOwnCode_Surfaces_AndEjectsNoEndpoint()
    {
        using ServicePool pool = new(["one", "two"]);
        InvalidDataException failure = new("mine");

        Assert.Same(failure, await Assert.ThrowsAsync<InvalidDataException>(() => InvokeAsync<int>(pool.Pool, (_, _) => throw failure)));
        KeyNotFoundException later = new("mine too");
        Assert.Same(later, await Assert.ThrowsAsync<KeyNotFoundException>(() => InvokeAsync<int>(pool.Pool, async (_, _) =>
        {
            await Task.Yield();
            throw later;
        })));

        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Fact]
    public async Task InvokeAsync_NestedCallOfThePool_StillKnowsThatItsOwnRequestWasSent()
    {
        using ServicePool pool = new(["one", "two", "three"]);
        pool.Service.On = request => request is { Host: "one", IsStream: false } && request.Body.ToString().Contains("outer", StringComparison.Ordinal)
            ? new HttpResponseMessage(System.Net.HttpStatusCode.OK) { Content = new StringContent("<html>") }
            : null;

        // An answer that cannot be read is the request's fault only where nothing was sent.
        string answer = await InvokeAsync(pool.Pool, async (client, token) =>
        {
            await pool.Client.GetResponseAsync("inner", cancellationToken: token);
            return (await client.Client.GetChatClient(client.DeploymentName).AsIChatClient().GetResponseAsync("outer", cancellationToken: token)).Text;
        });

        Assert.Equal("three", answer);
    }

    [Fact]
    public async Task InvokeAsync_WithAModel_GetsItsDeployment()
    {
        using ServicePool pool = new(["one"], (_, entry) => entry.Deployments["large"] = "large-one");

        Assert.Equal("large-one", await InvokeAsync(pool.Pool, (client, _) => Task.FromResult(client.DeploymentName), "large"));
    }

    [Fact]
    public async Task InvokeAsync_Cancelled_EjectsNoEndpoint()
    {
        using ServicePool pool = new(["one", "two"]);
        using CancellationTokenSource caller = new();
        Task<int> call = pool.Pool.InvokeAsync<int>(
            async (_, token) =>
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, token);
                return 1;
            },
            cancellationToken: caller.Token);

        await caller.CancelAsync();

        Assert.Equal(caller.Token, (await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call)).CancellationToken);
        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Fact]
    public async Task InvokeAsync_Null_Throws()
    {
        using ServicePool pool = new(["one"]);

        await Assert.ThrowsAsync<ArgumentNullException>(() => InvokeAsync<int>(pool.Pool, null!));
    }

    [Fact]
    public async Task InvokeAsync_TokenOfAnEndedOperation_IsNotUsedAgain()
    {
        using ServicePool pool = new(["one"]);
        CancellationToken kept = await pool.Pool.InvokeAsync(static (_, token) => Task.FromResult(token), cancellationToken: TestContext.Current.CancellationToken);

        for (int i = 0; i < 3; i++)
        {
            using CancellationTokenSource caller = new();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pool.Pool.InvokeAsync(
                (_, token) =>
                {
                    caller.Cancel();
                    token.ThrowIfCancellationRequested();
                    return Task.FromResult(0);
                },
                cancellationToken: caller.Token));
        }

        Assert.False(kept.IsCancellationRequested);
    }

    [Fact]
    public async Task NextAndInvokeAsync_AfterDispose_Throw()
    {
        ServicePool pool = new(["one"]);
        pool.Dispose();

        Assert.Throws<ObjectDisposedException>(() => pool.Pool.Next());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => InvokeAsync(pool.Pool, (_, _) => Task.FromResult(1)));
        Assert.Single(pool.Pool.GetStatus());
    }

    private static Task<T> InvokeAsync<T>(EndpointPool pool, Func<PooledClient, CancellationToken, Task<T>> operation, string? model = null) =>
        pool.InvokeAsync(operation, model, TestContext.Current.CancellationToken);
}
