using System.ClientModel;
using Azure.AI.OpenAI;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using OpenAI;

namespace AzureOpenAI.RoundRobin.Tests;

public class EndpointPoolTests
{
    [Fact]
    public void Next_OneAfterTheOther_GoesRound()
    {
        using ServicePool pool = new(["one/x", "two/y"]);

        PooledClient[] clients = [.. Enumerable.Range(0, 4).Select(_ => pool.Pool.NextClient())];

        Assert.Equal(["one-x/x", "two-y/y", "one-x/x", "two-y/y"], clients.Select(client => $"{client.EndpointName}/{client.DeploymentName}"));
        Assert.Same(clients[0].Client, clients[2].Client);
        Assert.NotSame(clients[0].Client, clients[1].Client);
        Assert.IsType<AzureOpenAIClient>(pool.Pool.Next());
        Assert.Equal("one-x", clients[0].ToString());
    }

    [Fact]
    public void Next_OfAV1Endpoint_IsAPlainClient()
    {
        using ServicePool pool = new(["one"], (_, entry) => entry.Endpoint = new Uri("https://one.openai.azure.com/openai/v1"));

        Assert.IsType<OpenAIClient>(pool.Pool.Next());
    }

    [Fact]
    public void NextClient_WithAModel_IsOneThatMapsIt()
    {
        using ServicePool pool = new(["one", "two", "three"], (i, entry) =>
        {
            if (i != 1)
            {
                entry.Deployments["large"] = $"large-{i}";
            }
        });

        Assert.Equal(["large-0", "large-2", "large-0"], Enumerable.Range(0, 3).Select(_ => pool.Pool.NextClient("large").DeploymentName));
        Assert.Equal("gpt", pool.Pool.NextClient("unknown").DeploymentName);
    }

    [Fact]
    public async Task Next_WhileOneIsOut_IsAnother()
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(429) : null;
        await pool.AskAsync();

        Assert.Equal(["two", "two", "two"], Enumerable.Range(0, 3).Select(_ => pool.Pool.NextClient().EndpointName));
    }

    [Fact]
    public async Task Next_WhileNoneIsFit_IsSimplyTheNext()
    {
        using ServicePool pool = new(["one", "two"], configure: options => options.MaxWait = TimeSpan.Zero);
        pool.Service.On = _ => FakeService.Refusal(429);
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync());

        Assert.Equal(["one", "two"], Enumerable.Range(0, 2).Select(_ => pool.Pool.NextClient().EndpointName).Order());
    }

    [Fact]
    public async Task ReadyMadeClients_HaveNoClientToHandOut()
    {
        using FakePool pool = new(2);

        Assert.Throws<InvalidOperationException>(() => pool.Pool.Next());
        await Assert.ThrowsAsync<InvalidOperationException>(() => InvokeAsync(pool.Pool, (_, _) => Task.FromResult(1)));
    }

    [Fact]
    public async Task InvokeAsync_AFailure_RunsTheOperationAtTheNextEndpoint()
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
    public async Task InvokeAsync_AFailureOfTheUsersOwnCode_SurfacesAndNobodyIsBlamed()
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
    public async Task InvokeAsync_ThatItselfCallsThePool_StillKnowsThatItsOwnRequestWasSent()
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
    public async Task InvokeAsync_Cancelled_BlamesNobody()
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
    public async Task Dispose_WithRunningCalls_LetsThemEndAndThenReleasesOnce()
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        pool.Clients[1].Hold();
        Task<string> call = pool.AskAsync();
        Task<string> stream = pool.AskAsync(streaming: true);

        pool.Pool.Dispose();
        pool.Pool.Dispose();
        Assert.Equal(0, pool.Released);
        Assert.False(pool.Clients[0].Held[0].Token.IsCancellationRequested);
        pool.Clients[0].Held[0].Answer();
        Assert.Equal("a", await call);
        Assert.Equal(0, pool.Released);
        pool.Clients[1].Held[0].Answer();
        Assert.Equal("b", await stream);

        Assert.Equal(1, pool.Released);
        pool.Pool.Dispose();
        Assert.Equal(1, pool.Released);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Dispose_WhileACallFails_ItMovesToNobodyElse(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming);
        Exception failure = FakeFailure.Status(429);

        pool.Pool.Dispose();
        pool.Clients[0].Held[0].Fail(failure);

        Assert.Same(failure, await Assert.ThrowsAsync<ClientResultException>(() => call));
        Assert.Equal([1, 0], pool.Calls);
        Assert.Equal(1, pool.Released);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACall_AfterDispose_IsRefused(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Pool.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => pool.AskAsync(streaming));
        Assert.Equal([0, 0], pool.Calls);
        Assert.Equal(0, pool.InFlight);
    }

    [Fact]
    public async Task NextAndInvoke_AfterDispose_AreRefused()
    {
        ServicePool pool = new(["one"]);
        pool.Dispose();

        Assert.Throws<ObjectDisposedException>(() => pool.Pool.Next());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => InvokeAsync(pool.Pool, (_, _) => Task.FromResult(1)));
        Assert.Single(pool.Pool.GetStatus());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Dispose_DuringManyCalls_ReleasesExactlyOnceAndAfterTheLast(bool streaming)
    {
        for (int round = 0; round < 50; round++)
        {
            using FakePool pool = new(2);
            foreach (FakeChatClient client in pool.Clients)
            {
                client.OnCall = async (_, _, _) =>
                {
                    await Task.Yield();
                    Assert.Equal(0, pool.Released);
                    return FakeChatClient.Answer("x");
                };
            }

            Task[] callers = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                try
                {
                    while (true)
                    {
                        Assert.NotEmpty(await pool.AskAsync(streaming));
                    }
                }
                catch (ObjectDisposedException)
                {
                }
            }))];
            await Eventually.TrueAsync(() => pool.Calls.Sum() > 10);
            pool.Pool.Dispose();
            await Task.WhenAll(callers);

            Assert.Equal((1, 0), (pool.Released, pool.InFlight));
        }
    }

    [Fact]
    public async Task Dispose_DuringCallsThatAreAnsweredAtOnce_ReleasesExactlyOnceAndAfterTheLast()
    {
        ChatMessage[] messages = [new(ChatRole.User, "hi")];
        Task<ChatResponse> answer = Task.FromResult(FakeChatClient.Answer("x"));
        int late = 0;
        for (int round = 0; round < 300; round++)
        {
            using FakePool pool = new(2);
            foreach (FakeChatClient client in pool.Clients)
            {
                client.OnCall = (_, _, _) =>
                {
                    Interlocked.Add(ref late, pool.Released);
                    Thread.SpinWait(10);
                    Interlocked.Add(ref late, pool.Released);
                    return answer;
                };
            }

            Thread[] callers = [.. Enumerable.Range(0, 3).Select(_ => new Thread(() =>
            {
                while (!pool.Client.GetResponseAsync(messages).IsFaulted)
                {
                }
            }))];
            Array.ForEach(callers, caller => caller.Start());
            await Eventually.TrueAsync(() => pool.Calls.Sum() > 10);
            pool.Pool.Dispose();
            Array.ForEach(callers, caller => caller.Join());

            Assert.Equal((1, 0, 0), (pool.Released, pool.InFlight, late));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task GetStatus_FromWithinACall_SeesIt(bool streaming)
    {
        using FakePool pool = new(2);
        List<int> seen = [];
        pool.Clients[0].OnCall = (_, _, _) =>
        {
            seen.AddRange(pool.Pool.GetStatus().Select(status => status.InFlight));
            return Task.FromResult(FakeChatClient.Answer("a"));
        };
        pool.Clients[0].OnStream = (_, _, token) =>
        {
            seen.AddRange(pool.Pool.GetStatus().Select(status => status.InFlight));
            return FakeChatClient.Updates(token, "a");
        };

        Assert.Equal("a", await pool.AskAsync(streaming));

        Assert.Equal([1, 0], seen);
        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal(0, status.InFlight));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACall_ThatWaits_IsInFlightUntilItEnds(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming);
        Assert.Equal((1, 1), (pool.EndpointAt(0).InFlight, pool.StatusOf(0).InFlight));

        pool.Clients[0].Held[0].Answer();

        Assert.Equal("a", await call);
        Assert.Equal((0, 0, 1L), (pool.EndpointAt(0).InFlight, pool.StatusOf(0).InFlight, pool.StatusOf(0).Answered));
    }

    [Fact]
    public async Task TheUsersHttpClient_IsNeverDisposed()
    {
        ServicePool pool = new(["one"]);
        await pool.AskAsync();

        pool.Client.Dispose();

        Assert.Equal(0, pool.Service.Disposals);
        pool.Dispose();
    }

    [Fact]
    public void Count_IsThatOfTheStatuses_OneForEachDeployment()
    {
        using ServicePool pool = new(["one/small", "two/small"], (_, endpoint) => endpoint.Deployments["large"] = $"{endpoint.Name}-large");

        Assert.Equal(4, pool.Pool.Count);
        Assert.Equal(pool.Pool.GetStatus().Count, pool.Pool.Count);
    }

    [Fact]
    public void ToString_OfAPool_ShowsNoKey()
    {
        using ServicePool pool = new(["one", "two"]);

        Assert.Equal("2 deployments", pool.Pool.ToString());
        Assert.All(pool.Pool.Endpoints, endpoint => Assert.DoesNotContain("secret", endpoint.ToString(), StringComparison.Ordinal));
        Assert.All(pool.Pool.GetStatus(), status => Assert.DoesNotContain("secret", status.ToString(), StringComparison.Ordinal));
    }

    private static Task<T> InvokeAsync<T>(EndpointPool pool, Func<PooledClient, CancellationToken, Task<T>> operation, string? model = null) =>
        pool.InvokeAsync(operation, model, TestContext.Current.CancellationToken);

    [Fact]
    public async Task InvokeAsync_TheTokenOfAnOperationThatIsOver_IsNobodyElses()
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
}
