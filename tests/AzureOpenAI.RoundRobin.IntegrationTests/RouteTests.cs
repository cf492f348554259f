using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

public sealed class RouteTests
{
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task Both_routes_answer(bool streaming, bool v1)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.IsV1 = v1);

        Answer first = await fleet.AskAsync(streaming);
        Answer second = await fleet.AskAsync(streaming);

        Assert.Equal(["[east] hello", "[west] hello"], [first.Text, second.Text]);
        Assert.All(fleet.Ledger.Snapshot(), entry =>
        {
            Assert.Equal(v1 ? RouteKind.V1 : RouteKind.Classic, entry.Route);
            Assert.Equal(Fleet.Deployment, entry.Deployment);
            Assert.Equal(entry.Resource, entry.PresentedKey);
            Assert.Equal(streaming, entry.Streamed);
            Assert.Equal(LedgerOutcome.Answered, entry.Outcome);
        });
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task A_gateway_may_have_any_path_in_front(bool streaming, bool v1)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east"], setup =>
        {
            setup.IsV1 = v1;
            setup.Resource = resource => resource.PathPrefix = "/genai/team-7";
        });

        Assert.Equal("[east] hello", (await fleet.AskAsync(streaming)).Text);
        LedgerEntry entry = Assert.Single(fleet.Ledger.Snapshot());
        Assert.Equal(v1 ? RouteKind.V1 : RouteKind.Classic, entry.Route);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    [Trait("Rule", "R18")]
    public async Task The_portals_target_address_is_understood(bool streaming, bool v1)
    {
        RecordingHandler wire = new();
        using HttpClient http = new(wire);
        await using Fleet fleet = await Fleet.StartAsync(["east"], setup =>
        {
            setup.Resource = resource =>
            {
                resource.PathPrefix = "/genai/team-7";
                resource.AddDeployment(Fleet.Deployment).AddDeployment("mine");
            };
            setup.Pool = options => options.HttpClient = http;
            setup.Endpoint = (resource, endpoint) => endpoint.Endpoint = v1
                ? new Uri($"{resource.V1Endpoint.AbsoluteUri.TrimEnd('/')}/chat/completions")
                : new Uri($"{resource.Endpoint.AbsoluteUri.TrimEnd('/')}/openai/deployments/mine/chat/completions?api-version=2025-04-01-preview");
        });

        Assert.Equal("[east] hello", (await fleet.AskAsync(streaming)).Text);
        LedgerEntry entry = Assert.Single(fleet.Ledger.Snapshot());
        Assert.Equal((v1 ? RouteKind.V1 : RouteKind.Classic, v1 ? Fleet.Deployment : "mine"), (entry.Route, entry.Deployment));
        Assert.Equal(
            v1 ? "/genai/team-7/openai/v1/chat/completions" : "/genai/team-7/openai/deployments/mine/chat/completions?api-version=2025-04-01-preview",
            Assert.Single(wire.Sent).PathAndQuery);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Any_api_version_goes_out_as_configured(bool streaming)
    {
        RecordingHandler wire = new();
        using HttpClient http = new(wire);
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup =>
        {
            setup.Pool = options =>
            {
                options.HttpClient = http;
                options.ApiVersion = "2025-04-01-preview";
            };
            setup.Endpoint = (resource, endpoint) => endpoint.ApiVersion = resource.Name == "west" ? "2031-12-24-not-known-to-any-sdk" : null;
        });

        await fleet.AskAsync(streaming, times: 2);

        Assert.Equal(
            [
                "/openai/deployments/gpt-4o/chat/completions?api-version=2025-04-01-preview",
                "/openai/deployments/gpt-4o/chat/completions?api-version=2031-12-24-not-known-to-any-sdk",
            ],
            wire.Sent.Select(request => request.PathAndQuery));
    }

    [Fact]
    public async Task Without_an_api_version_the_SDKs_own_goes_out()
    {
        RecordingHandler wire = new();
        using HttpClient http = new(wire);
        await using Fleet fleet = await Fleet.StartAsync(["east"], setup => setup.Pool = options => options.HttpClient = http);

        await fleet.AskAsync(streaming: false);

        Assert.EndsWith("?api-version=2024-10-21", Assert.Single(wire.Sent).PathAndQuery, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task A_model_that_callers_name_is_looked_up_at_each_endpoint(bool streaming, bool v1)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"], setup =>
        {
            setup.IsV1 = v1;
            setup.Resource = resource => resource.AddDeployment(Fleet.Deployment).AddDeployment($"reasoner-{resource.Name}");
            setup.Endpoint = (resource, endpoint) =>
            {
                if (resource.Name != "north")
                {
                    endpoint.Deployments["o5"] = $"reasoner-{resource.Name}";
                }
            };
        });

        for (int i = 0; i < 4; i++)
        {
            await fleet.AskAsync(streaming, options: new ChatOptions { ModelId = "o5" });
        }

        Assert.Equal(2, fleet.Ledger.Snapshot("east").Count(entry => entry.Deployment == "reasoner-east"));
        Assert.Equal(2, fleet.Ledger.Snapshot("west").Count(entry => entry.Deployment == "reasoner-west"));
        Assert.Equal(0, fleet.Attempts("north"));

        await fleet.AskAsync(streaming, times: 3);
        Assert.All(fleet.Ledger.Snapshot().Skip(4), entry => Assert.Equal(Fleet.Deployment, entry.Deployment));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_mapped_models_failover_goes_to_the_other_endpoints_deployment_of_it(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup =>
        {
            setup.Resource = resource => resource.AddDeployment(Fleet.Deployment).AddDeployment($"reasoner-{resource.Name}");
            setup.Endpoint = (resource, endpoint) => endpoint.Deployments["o5"] = $"reasoner-{resource.Name}";
        });
        fleet["east"].Faults.Add(Fault.Throttle(20.Seconds()).ForDeployment("reasoner-east"));

        Answer answer = await fleet.AskAsync(streaming, options: new ChatOptions { ModelId = "o5" });

        Assert.Equal("west", answer.Endpoint);
        Assert.Equal(["reasoner-east", "reasoner-west"], fleet.Ledger.Snapshot().Select(entry => entry.Deployment));

        // The other deployment of the same resource is none the worse for it.
        Assert.Equal("east", (await fleet.AskAsync(streaming)).Endpoint);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task A_model_that_is_not_mapped_never_becomes_a_deployment(bool streaming, bool v1)
    {
        RecordingHandler wire = new();
        using HttpClient http = new(wire);
        await using Fleet fleet = await Fleet.StartAsync(["east"], setup =>
        {
            setup.IsV1 = v1;
            setup.Pool = options => options.HttpClient = http;
        });
        ChatOptions options = new() { ModelId = "gpt-99-of-the-caller" };

        await fleet.AskAsync(streaming, options: options);

        Assert.Equal(Fleet.Deployment, Assert.Single(fleet.Ledger.Snapshot()).Deployment);
        Assert.Equal(v1 ? Fleet.Deployment : "gpt-99-of-the-caller", Assert.Single(wire.Sent).Body.GetProperty("model").GetString());
        Assert.Equal("gpt-99-of-the-caller", options.ModelId);
    }
}
