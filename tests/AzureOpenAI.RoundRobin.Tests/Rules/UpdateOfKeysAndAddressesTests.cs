using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>What a new configuration means for endpoints that the pool builds: keys, addresses, deployments and names, and which endpoint is the same as before.</summary>
[Trait("Rule", "2")]
public class UpdateOfKeysAndAddressesTests
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NewKey_IsTakenOverInPlace(bool streaming)
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(429, ("retry-after-ms", "20000")) : null;
        await pool.AskAsync(streaming);

        Update(pool, options => options.Endpoints[0].ApiKey = "another-key-of-one-0123456789");

        Assert.Equal(EndpointState.Unavailable, pool.StateOf("one"));
        Assert.Equal((1, Pause), (pool.Pool.GetStatus()[0].RateLimited, pool.Pool.GetStatus()[0].ReadyIn));
        pool.Service.On = _ => null;
        pool.Time.Advance(Pause);
        await pool.AskAsync(streaming);
        await pool.AskAsync(streaming);
        Assert.Equal("another-key-of-one-0123456789", pool.Service.Requests.Last(request => request.Host == "one").Header("api-key"));
        Assert.Equal(ServicePool.KeyOf("two"), pool.Service.Requests.Last(request => request.Host == "two").Header("api-key"));
    }

    [Theory]
    [InlineData(false, 401)]
    [InlineData(true, 401)]
    [InlineData(false, 404)]
    [InlineData(true, 404)]
    public async Task Misconfigured_IsCalledAtOnceWithTheNewKey(bool streaming, int status)
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(status) : null;
        await pool.AskAsync(streaming);
        Assert.Equal(EndpointState.Unavailable, pool.StateOf("one"));
        pool.Service.On = _ => null;

        Update(pool, options =>
        {
            options.Endpoints[0].ApiKey = "another-key-of-one-0123456789";
            options.Endpoints[0].ApiVersion = "2025-01-01-preview";
        });

        Assert.Equal(EndpointState.Healthy, pool.StateOf("one"));
        await pool.AskAsync(streaming);
        await pool.AskAsync(streaming);
        Assert.Equal(2, pool.Service.Requests.Count(request => request.Host == "one"));
        Assert.Contains("api-version=2025-01-01-preview", pool.Service.Requests.Last(request => request.Host == "one").Address.Query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CredentialRefusedWithHint_IsNotCalledBeforeItsTime()
    {
        using ServicePool pool = new(["one", "two"]);
        int asked = 0;
        pool.Service.On = request =>
        {
            if (request.Host != "one" || asked++ > 1)
            {
                return null;
            }

            if (asked == 2)
            {
                return FakeService.Refusal(401);
            }

            // While this one runs the next but one is refused, and this one then names a time.
            Assert.True(pool.AskAsync().IsCompletedSuccessfully && pool.AskAsync().IsCompletedSuccessfully);
            return FakeService.Refusal(503, ("Retry-After", "20"));
        };
        await pool.AskAsync();

        Update(pool, options => options.Endpoints[0].ApiKey = "another-key-of-one-0123456789");
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => pool.AskAsync()));

        Assert.Equal((2, EndpointState.Unavailable, Pause), (asked, pool.StateOf("one"), pool.Pool.GetStatus()[0].ReadyIn));
        pool.Time.Advance(Pause);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => pool.AskAsync()));
        Assert.Equal("another-key-of-one-0123456789", pool.Service.Requests.Last(request => request.Host == "one").Header("api-key"));
        Assert.NotEqual(EndpointState.Unavailable, pool.StateOf("one"));
    }

    [Fact]
    public async Task LateOutcomeOfTheOldKey_DoesNotCountForTheNewOne()
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request =>
        {
            if (request.Header("api-key") != ServicePool.KeyOf("one"))
            {
                return null;
            }

            // Refused twice, the second time only after the key was replaced.
            if (pool.Pool.GetStatus()[0].Failed > 0)
            {
                Update(pool, options => options.Endpoints[0].ApiKey = "another-key-of-one-0123456789");
            }

            return FakeService.Refusal(401);
        };
        await pool.AskAsync();
        pool.Time.Advance(TimeSpan.FromSeconds(11));
        while (pool.Pool.GetStatus()[0].Failed < 2)
        {
            await pool.AskAsync();
        }

        Assert.Equal(EndpointState.Healthy, pool.StateOf("one"));
    }

    [Fact]
    public async Task AnotherDeployment_IsAnotherEndpointOfTheSameResource()
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(429, ("retry-after-ms", "20000")) : null;
        await pool.AskAsync();
        pool.Service.On = _ => null;

        Update(pool, options => options.Endpoints[0].DeploymentName = "gpt-4.1");

        Assert.Equal((EndpointState.Healthy, "gpt-4.1", 0L), (pool.StateOf("one"), pool.Pool.GetStatus()[0].DeploymentName, pool.Pool.GetStatus()[0].Failed));
    }

    [Fact]
    public void DeploymentName_IsTheCurrentOne()
    {
        using ServicePool pool = new(["one", "two"]);
        ChatClientMetadata before = pool.Client.GetRequiredService<ChatClientMetadata>();
        using RoundRobinEmbeddingGenerator generator = new(pool.Pool, leaveOpen: true);

        Update(pool, options => options.Endpoints[0].DeploymentName = options.Endpoints[1].DeploymentName = "gpt-4.1");

        Assert.Equal(("gpt", "gpt-4.1"), (before.DefaultModelId, pool.Client.GetRequiredService<ChatClientMetadata>().DefaultModelId));
        Assert.Same(pool.Client.GetRequiredService<ChatClientMetadata>(), pool.Client.GetRequiredService<ChatClientMetadata>());
        Assert.Equal("gpt-4.1", generator.GetRequiredService<EmbeddingGeneratorMetadata>().DefaultModelId);
    }

    [Fact]
    public async Task AnotherAddress_SameName_IsAnotherEndpoint()
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" ? throw new HttpRequestException(HttpRequestError.ConnectionError, "refused") : null;
        await pool.AskAsync();
        Assert.Equal(EndpointState.Unavailable, pool.StateOf("one"));

        Update(pool, options => options.Endpoints[0].Endpoint = new Uri("https://moved.openai.azure.com"));

        Assert.Equal(EndpointState.Healthy, pool.StateOf("one"));
        Assert.Equal(["moved", "two"], new[] { await pool.AskAsync(), await pool.AskAsync() }.Order());
    }

    [Fact]
    public async Task AnotherName_KeepsItsCooldown()
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(429, ("retry-after-ms", "20000")) : null;
        await pool.AskAsync();

        Update(pool, options => options.Endpoints[0].Name = "first");

        Assert.Equal((EndpointState.Unavailable, 1L), (pool.StateOf("first"), pool.Pool.GetStatus()[0].RateLimited));
    }

    [Fact]
    public async Task TwoNewKeysAtOneAddress_AreMatchedByName()
    {
        Uri gateway = new("https://gateway.example.com/openai-pool");
        using ServicePool pool = new(["one", "two"], (i, entry) => (entry.Endpoint, entry.DeploymentName) = (gateway, $"gpt-{i}"));
        pool.Service.On = request => request.Header("api-key") == ServicePool.KeyOf("two") ? FakeService.Refusal(429, ("retry-after-ms", "20000")) : null;
        await pool.AskAsync();
        await pool.AskAsync();

        Update(pool, options =>
        {
            foreach (EndpointOptions entry in options.Endpoints)
            {
                (entry.Endpoint, entry.DeploymentName, entry.ApiKey) = (gateway, $"gpt-{(entry.Name == "one" ? 0 : 1)}", $"new-{entry.ApiKey}");
            }

            (options.Endpoints[0], options.Endpoints[1]) = (options.Endpoints[1], options.Endpoints[0]);
        });

        Assert.Equal([("two", EndpointState.Unavailable), ("one", EndpointState.Healthy)], pool.Pool.GetStatus().Select(status => (status.Name, status.State)));
    }

    [Fact]
    public async Task TwoKeysAtOneAddress_AreMatchedByNameBeforeDeployment()
    {
        Uri gateway = new("https://gateway.example.com/openai-pool");
        using ServicePool pool = new(["one", "two"], (i, entry) => (entry.Endpoint, entry.DeploymentName) = (gateway, $"gpt-{i}"));
        pool.Service.On = request =>
            request.Header("api-key") == ServicePool.KeyOf("two") ? throw new HttpRequestException(HttpRequestError.ConnectionError, "refused") : null;
        await pool.AskAsync();
        await pool.AskAsync();

        Update(pool, options =>
        {
            foreach (EndpointOptions entry in options.Endpoints)
            {
                (entry.Endpoint, entry.DeploymentName, entry.ApiKey) = (gateway, $"gpt-{(entry.Name == "one" ? 1 : 0)}", $"new-{entry.ApiKey}");
            }
        });

        Assert.Equal([("one", EndpointState.Healthy), ("two", EndpointState.Unavailable)], pool.Pool.GetStatus().Select(status => (status.Name, status.State)));
    }

    [Fact]
    public async Task DefaultNames_MayPassToAnotherEndpoint()
    {
        using ServicePool pool = new(["one/first", "one/second"], (_, entry) => entry.Name = null);
        Assert.Equal(["one", "one-2"], pool.Pool.GetStatus().Select(status => status.Name));
        pool.Service.On = request => request.Deployment == "second" ? FakeService.Refusal(429, ("retry-after-ms", "20000")) : null;
        await pool.AskAsync();
        await pool.AskAsync();

        Update(pool, options => options.Endpoints.RemoveAt(0), named: false);

        EndpointStatus left = Assert.Single(pool.Pool.GetStatus());
        Assert.Equal(("one", "second", EndpointState.Unavailable), (left.Name, left.DeploymentName, left.State));
    }

    [Fact]
    public async Task ApiVersionsOfOneResource_EachIsCalledInItsOwn()
    {
        using ServicePool pool = new(["one/first", "one/second"], (i, entry) => entry.ApiVersion = i == 0 ? "2024-10-21" : "2025-01-01-preview");

        await pool.AskAsync();
        await pool.AskAsync();

        Assert.Equal(
            ["first?api-version=2024-10-21", "second?api-version=2025-01-01-preview"],
            pool.Service.Requests.Select(request => request.Deployment + request.Address.Query).Order());
    }

    private static void Update(ServicePool pool, Action<RoundRobinOptions> change, bool named = true)
    {
        RoundRobinOptions options = new() { HttpClient = pool.Pool.Settings.HttpClient };
        foreach (EndpointSettings entry in pool.Pool.Settings.Endpoints)
        {
            options.Endpoints.Add(new()
            {
                Name = named ? entry.Name : null,
                Endpoint = entry.Address,
                ApiKey = entry.ApiKey,
                DeploymentName = entry.Deployment,
                ApiVersion = entry.ApiVersion,
            });
        }

        change(options);
        pool.Pool.Update(options);
    }
}
