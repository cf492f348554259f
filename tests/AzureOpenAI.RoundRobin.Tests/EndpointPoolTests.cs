using Azure.AI.OpenAI;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using OpenAI;

namespace AzureOpenAI.RoundRobin.Tests;

public class EndpointPoolTests
{
    [Fact]
    public void Next_OneAfterTheOther_FollowsTheRotation()
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
    public void Next_V1Endpoint_IsAPlainClient()
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
    public async Task Next_WhileOneIsUnavailable_IsAnother()
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(429) : null;
        await pool.AskAsync();

        Assert.Equal(["two", "two", "two"], Enumerable.Range(0, 3).Select(_ => pool.Pool.NextClient().EndpointName));
    }

    [Fact]
    public async Task Next_WhileNoneIsAvailable_IsTheNextInTurn()
    {
        using ServicePool pool = new(["one", "two"], configure: options => options.MaxWait = TimeSpan.Zero);
        pool.Service.On = _ => FakeService.Refusal(429);
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync());

        Assert.Equal(["one", "two"], Enumerable.Range(0, 2).Select(_ => pool.Pool.NextClient().EndpointName).Order());
    }

    [Fact]
    public void Count_IsThatOfTheStatuses_OneForEachDeployment()
    {
        using ServicePool pool = new(["one/small", "two/small"], (_, endpoint) => endpoint.Deployments["large"] = $"{endpoint.Name}-large");

        Assert.Equal(4, pool.Pool.Count);
        Assert.Equal(pool.Pool.GetStatus().Count, pool.Pool.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task GetStatus_FromWithinACall_CountsIt(bool streaming)
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

        // On a thread of its own: the calling one may keep an attempt of another pool.
        Task<string> call = await Task.Factory.StartNew(() => pool.AskAsync(streaming), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.Equal("a", await call);

        Assert.Equal([1, 0], seen);
        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal(0, status.InFlight));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task GetStatus_AsynchronousCall_IsInFlightUntilItEnds(bool streaming)
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
    public async Task Dispose_HttpClientOfTheUser_IsNeverDisposed()
    {
        ServicePool pool = new(["one"]);
        await pool.AskAsync();

        pool.Client.Dispose();

        Assert.Equal(0, pool.Service.Disposals);
        pool.Dispose();
    }

    [Fact]
    public void ToString_ShowsNoKey()
    {
        using ServicePool pool = new(["one", "two"]);

        Assert.Equal("2 deployments", pool.Pool.ToString());
        Assert.All(pool.Pool.Endpoints, endpoint => Assert.DoesNotContain("secret", endpoint.ToString(), StringComparison.Ordinal));
        Assert.All(pool.Pool.GetStatus(), status => Assert.DoesNotContain("secret", status.ToString(), StringComparison.Ordinal));
    }
}
