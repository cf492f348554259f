using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>What a failure ejects: one deployment, or the whole resource that it shares with others.</summary>
[Trait("Rule", "5.3")]
public class DeploymentOrWholeResourceTests
{
    [Theory]
    [InlineData(401, false)]
    [InlineData(403, false)]
    [InlineData(401, true)]
    [InlineData(403, true)]
    public async Task CredentialRefused_EjectsAllDeploymentsOfTheResource(int status, bool streaming)
    {
        using ServicePool pool = new(["one/x", "one/y", "two/x"]);
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(status) : null;

        Assert.Equal("two", await pool.AskAsync(streaming));
        await pool.AskAsync(streaming);

        Assert.Equal([EndpointState.Unavailable, EndpointState.Unavailable, EndpointState.Healthy], pool.Pool.GetStatus().Select(endpoint => endpoint.State));
        Assert.Equal(1, pool.Service.Requests.Count(request => request.Host == "one"));
    }

    [Theory]
    [InlineData(429, false)]
    [InlineData(404, false)]
    [InlineData(429, true)]
    [InlineData(404, true)]
    public async Task RateLimitedOrMissing_EjectsTheDeploymentOnly(int status, bool streaming)
    {
        using ServicePool pool = new(["one/x", "one/y", "two/x"]);
        pool.Service.On = request => request is { Host: "one", Deployment: "x" } ? FakeService.Refusal(status) : null;

        await pool.AskAsync(streaming);

        Assert.Equal([EndpointState.Unavailable, EndpointState.Healthy, EndpointState.Healthy], pool.Pool.GetStatus().Select(endpoint => endpoint.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ErrorsOfBothDeployments_AreCountedAtTheResource(bool streaming)
    {
        using ServicePool pool = new(["one/x", "one/y", "two/x"]);
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(500) : null;

        Assert.Equal("two", await pool.AskAsync(streaming));

        Assert.Equal([EndpointState.Unavailable, EndpointState.Unavailable, EndpointState.Healthy], pool.Pool.GetStatus().Select(endpoint => endpoint.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SameDeploymentBehindTwoModels_IsOneEndpoint(bool streaming)
    {
        using ServicePool pool = new(["one/x", "two/x"], (_, entry) => entry.Deployments["gpt-x"] = "x");
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(429, ("Retry-After", "60")) : null;

        Assert.Equal("two", await pool.AskAsync(streaming));
        Assert.Equal("two", await pool.AskAsync(streaming, new() { ModelId = "gpt-x" }));
        Assert.Equal("two", await pool.AskAsync(streaming, new() { ModelId = "gpt-x" }));

        Assert.Equal(2, pool.Pool.GetStatus().Count);
        Assert.Equal(1, pool.Service.Requests.Count(request => request.Host == "one"));
    }

    [Fact]
    public void SameDeploymentMappedByOneEntryAndAnothersOwn_IsInItsModelOnce()
    {
        using ServicePool pool = new(["one/small", "one/large", "two/large"], (i, entry) =>
        {
            if (i == 0)
            {
                entry.Deployments["large"] = "large";
            }
        });

        Assert.Equal(["one-large", "two-large"], pool.Pool.LoopFor("large").Picker.Endpoints.Select(endpoint => endpoint.Name));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TwoModelsOfOneResource_ShareItsCredentialAndNotItsLimits(bool streaming)
    {
        using ServicePool pool = new(["one/small", "two/small"], (_, entry) => entry.Deployments["large"] = "big");
        ChatOptions large = new() { ModelId = "large" };
        pool.Service.On = request => request is { Host: "one", Deployment: "big" } ? FakeService.Refusal(429, ("Retry-After", "60")) : null;
        Assert.Equal("two", await pool.AskAsync(streaming, large));
        Assert.Equal("two", await pool.AskAsync(streaming, large));
        Assert.Equal(["one", "two"], [await pool.AskAsync(streaming), await pool.AskAsync(streaming)]);

        pool.Service.On = request => request.Host == "two" ? FakeService.Refusal(401) : request.Deployment == "big" ? FakeService.Refusal(429, ("Retry-After", "60")) : null;
        // It has answered before, so one refusal of its key proves nothing; three without an answer between do.
        for (int i = 0; i < 6; i++)
        {
            Assert.Equal("one", await pool.AskAsync(streaming));
        }

        Assert.Equal(2, pool.Pool.GetStatus().Count(endpoint => endpoint is { Name: "two-small", State: EndpointState.Unavailable }));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NotFound_ModelNamedByTheCallerAtABuiltEndpoint_IsTheEndpoints(bool streaming)
    {
        using ServicePool pool = new(["one/x", "two/x"]);
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(404) : null;

        Assert.Equal("two", await pool.AskAsync(streaming, new() { ModelId = "whatever" }));
        Assert.Equal(EndpointState.Unavailable, pool.StateOf("one-x"));
    }

    [Fact]
    public void ProbeOfOneDeployment_IsOneOfTheWholeResource()
    {
        FakeClock time = new();
        Resource resource = new("one", time, () => 0);
        Endpoint[] deployments = [.. new[] { "x", "y" }.Select(name => new Endpoint(
            EndpointKind.Classic, resource, new HealthState(time, () => 0), name, new EndpointSetup { Name = name, ChatClient = null }) { Capacity = new(time), Hints = new(time, null) })];
        resource.Health.TryEject(new AttemptOutcome(OutcomeKind.Unreachable, new IOException()), TimeSpan.Zero, onProbation: false, time.GetTimestamp(), epoch: 1);
        resource.Health.BeginProbing();
        Assert.False(deployments[1].Health.IsBeingProbed);

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(deployments[0].Health.Deployment.Acquire(time.GetTimestamp()));
        Assert.True(resource.Health.Acquire(time.GetTimestamp()));

        Assert.All(deployments, deployment => Assert.Equal((true, time.GetTimestamp()), (deployment.Health.IsBeingProbed, deployment.Health.ProbeBeganAt)));
    }
}
