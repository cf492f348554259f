namespace AzureOpenAI.Simulator.Tests;

public sealed class OptionsTests
{
    public static TheoryData<Action<SimulatorOptions>, string> Faulty => new()
    {
        { _ => { }, "There are no resources" },
        { options => options.AddResource("east").AddResource("EAST"), "two resources of this name" },
        { options => options.AddResource(""), "1 to 64 letters" },
        { options => options.AddResource("a b"), "1 to 64 letters" },
        { options => options.AddResource("unknown"), "Choose another" },
        { options => options.AddResource("east", resource => resource.ApiKey = ""), "ApiKey is empty" },
        { options => options.AddResource("east", resource => resource.ApiKey = "a\nb"), "ApiKey is empty or holds spaces, control" },
        { options => options.AddResource("east", resource => resource.Port = 70000), "Port is 70000" },
        { options => options.AddResource("east", resource => resource.Port = -1), "Port is -1" },
        { options => options.AddResource("a", resource => resource.Port = 50000).AddResource("b", resource => resource.Port = 50000), "given to another resource" },
        { options => options.AddResource("east", resource => resource.PathPrefix = "a?b"), "PathPrefix may hold" },
        { options => options.AddResource("east", resource => resource.PathPrefix = null!), "PathPrefix may hold" },
        { options => options.AddResource("east", resource => resource.Region = "East\nUS"), "Region must be" },
        { options => options.AddResource("east", resource => resource.Latency = null!), "Use Latency.None" },
        { options => options.AddResource("east", resource => resource.AddDeployment("a").AddDeployment("A")), "two deployments named 'A'" },
        { options => options.AddResource("east", resource => resource.AddDeployment("a/b")), "deployment 'a/b': the name must be" },
        { Deployment(deployment => deployment.RequestsPerMinute = 0), "RequestsPerMinute is 0" },
        { Deployment(deployment => deployment.TokensPerMinute = -5), "TokensPerMinute is -5" },
        { Deployment(deployment => deployment.RequestWindow = TimeSpan.Zero), "RequestWindow is 00:00:00" },
        { Deployment(deployment => deployment.RequestWindow = TimeSpan.FromMinutes(2)), "at most 60 seconds" },
        { Deployment(deployment => deployment.RequestsPerMinute = 5), "admits no request" },
        { Deployment(deployment => deployment.RequestWindowKind = (WindowKind)9), "window kind" },
        { Deployment(deployment => deployment.TokenWindow = TimeSpan.Zero), "TokenWindow is 00:00:00" },
        { Deployment(deployment => deployment.TokenWindow = TimeSpan.FromSeconds(61)), "TokenWindow is 00:01:01. Use more than zero and at most 60 seconds" },
        { Deployment(deployment => (deployment.TokensPerMinute, deployment.TokenWindow) = (5, TimeSpan.FromSeconds(10))), "TokensPerMinute 5 admits no token" },
        { Deployment(deployment => deployment.MaxRequestsInFlight = 0), "MaxRequestsInFlight is 0" },
        { Provisioned(deployment => deployment.MaxRequestsInFlight = 5), "in place of QuotaPool, TokensPerMinute, RequestsPerMinute and MaxRequestsInFlight" },
        { Deployment(deployment => deployment.RetryHint = null!), "RetryHint is null" },
        { Deployment(deployment => deployment.ChangeNeighbour(TimeSpan.Zero, 1)), "a neighbour takes 1 of the limits. Use 0 or more and less than 1" },
        { Deployment(deployment => deployment.ChangeNeighbour(TimeSpan.FromSeconds(-1), 0.5)), "due after -00:00:01" },
        { Provisioned(deployment => deployment.ChangeNeighbour(TimeSpan.Zero, 0.5)), "it has a neighbour, which only requests and tokens" },
        { Deployment(deployment => deployment.ChangeLimits(TimeSpan.FromSeconds(-1), requestsPerMinute: 60)), "deployment 'gpt-4o': a change of limits is due after -00:00:01" },
        { Deployment(deployment => deployment.ChangeLimits(TimeSpan.Zero)), "changes nothing" },
        { Deployment(deployment => deployment.ChangeLimits(TimeSpan.Zero, tokensPerMinute: 0)), "sets one that is not positive" },
        { Deployment(deployment => deployment.ChangeLimits(TimeSpan.Zero, requestsPerMinute: 5)), "RequestsPerMinute 5 admits no request" },
        { Deployment(deployment => deployment.ChangeLimits(TimeSpan.Zero, provisionedTokensPerMinute: 5)), "is for a provisioned deployment" },
        { Provisioned(deployment => deployment.ChangeLimits(TimeSpan.Zero, tokensPerMinute: 5)), "or the other way round" },
        { With(options => options.AddQuotaPool("p", pool => { pool.TokensPerMinute = 1; pool.ChangeLimits(TimeSpan.Zero); })), "Quota pool 'p': a change of limits changes nothing" },
        {
            With(options => options.AddQuotaPool("p", pool => pool.TokensPerMinute = 1).AddResource("b", resource => resource.AddDeployment("a", deployment =>
            {
                deployment.QuotaPool = "p";
                deployment.ChangeLimits(TimeSpan.Zero, tokensPerMinute: 5);
            }))),
            "a change of limits is the pool's"
        },
        { Deployment(deployment => deployment.EmbeddingDimensions = 0), "EmbeddingDimensions is 0" },
        { Deployment(deployment => deployment.Model = ""), "Model is empty" },
        { Deployment(deployment => deployment.ChunkLatency = null!), "ChunkLatency is null" },
        { Deployment(deployment => deployment.StreamFormat = new StreamFormat { PieceSize = -1 }), "PieceSize" },
        { Deployment(deployment => deployment.ProvisionedTokensPerMinute = 0), "ProvisionedTokensPerMinute is 0" },
        { Provisioned(deployment => deployment.TokensPerMinute = 5), "in place of QuotaPool, TokensPerMinute" },
        { Provisioned(deployment => deployment.UtilizationWindow = TimeSpan.Zero), "UtilizationWindow is 00:00:00" },
        { Provisioned(deployment => deployment.UtilizationWindow = TimeSpan.FromHours(2)), "at most 1 hour" },
        { Provisioned(deployment => deployment.SpilloverDeployment = "gpt-4o"), "'gpt-4o' is no standard deployment" },
        { Provisioned(deployment => deployment.SpilloverDeployment = "missing"), "'missing' is no standard deployment" },
        { Deployment(deployment => deployment.SpilloverDeployment = "gpt-4o"), "only a provisioned deployment spills over" },
        { Deployment(deployment => deployment.PromptCacheExpiry = TimeSpan.Zero), "PromptCacheExpiry is 00:00:00" },
        { Deployment(deployment => deployment.PromptCacheExpiry = TimeSpan.FromHours(25)), "at most 24 hours" },
        { Deployment(deployment => deployment.QuotaPool = "norway"), "there is no quota pool 'norway'" },
        { With(options => options.AddQuotaPool("a", _ => { })), "Quota pool 'a': it limits nothing" },
        { With(options => options.AddQuotaPool("a b", pool => pool.TokensPerMinute = 1)), "Quota pool 'a b': the name must be" },
        { With(options => options.AddQuotaPool("a", pool => pool.TokensPerMinute = 1).AddQuotaPool("A", pool => pool.TokensPerMinute = 1)), "two pools of this name" },
        { With(options => options.AddQuotaPool("a", pool => pool.TokensPerMinute = 0)), "Quota pool 'a': TokensPerMinute is 0" },
        { With(options => options.AddQuotaPool("a", pool => pool.RequestsPerMinute = 5)), "Quota pool 'a': RequestsPerMinute 5 admits no request" },
        {
            With(options => options.AddQuotaPool("p", pool => pool.TokensPerMinute = 1).AddResource("b", resource => resource.AddDeployment("a", deployment =>
            {
                deployment.QuotaPool = "p";
                deployment.TokensPerMinute = 1;
            }))),
            "limits of its own besides QuotaPool"
        },
        { With(options => options.LedgerCapacity = 0), "LedgerCapacity is 0" },
        { With(options => options.ContentFilterMarker = ""), "ContentFilterMarker is empty" },
        { With(options => options.TimeProvider = null!), "TimeProvider is null" },
    };

    [Theory]
    [MemberData(nameof(Faulty))]
    public async Task Start_FaultyOptions_ThrowsAndNamesTheFault(Action<SimulatorOptions> configure, string message)
    {
        var exception = await Assert.ThrowsAsync<ArgumentException>(() => AzureOpenAISimulator.StartAsync(configure, TestContext.Current.CancellationToken));

        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_SeveralFaults_NamesAllAndNoKey()
    {
        var exception = await Assert.ThrowsAsync<ArgumentException>(() => AzureOpenAISimulator.StartAsync(
            options => options
                .AddResource("east", resource => resource.ApiKey = "secret with spaces")
                .AddResource("west", resource => resource.AddDeployment("gpt-4o", deployment => deployment.TokensPerMinute = 0).AddDeployment("ptu", deployment =>
                {
                    deployment.QuotaPool = "none";
                    deployment.ProvisionedTokensPerMinute = -1;
                    deployment.SpilloverDeployment = "nowhere";
                })),
            TestContext.Current.CancellationToken));

        Assert.Contains("Resource 'east'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("Resource 'west', deployment 'gpt-4o'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("'none'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("ProvisionedTokensPerMinute is -1", exception.Message, StringComparison.Ordinal);
        Assert.Contains("'nowhere'", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AddDeployment_AtRunTime_ServesAndRemoves()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        int before = (await client.ChatAsync(deployment: "late")).Status;
        azure["east"].AddDeployment("late", deployment => deployment.Model = "late-model");
        var after = await client.ChatAsync(deployment: "late");
        bool removed = azure["east"].RemoveDeployment("LATE");
        int gone = (await client.ChatAsync(deployment: "late")).Status;

        Assert.Equal([404, 200, 404], [before, after.Status, gone]);
        Assert.Equal("late-model", after.Json.GetProperty("model").GetString());
        Assert.True(removed);
        Assert.Throws<ArgumentException>(() => azure["east"]["late"]);
        Assert.Throws<ArgumentException>(() => azure["east"].AddDeployment("a/b"));
        Assert.Throws<ArgumentException>(() => azure["north"]);
    }

    [Fact]
    public async Task Start_NothingConfigured_HasSensibleDefaults()
    {
        await using var azure = await Simulators.StartOneAsync();

        var resource = azure["EAST"];
        Assert.Equal(["gpt-4o"], resource.Deployments.Keys);
        Assert.Equal(32, resource.ApiKey.Length);
        Assert.StartsWith("http://127.0.0.1:", resource.Endpoint.AbsoluteUri, StringComparison.Ordinal);
        Assert.Equal(new Uri(resource.Endpoint, "openai/v1/"), resource.V1Endpoint);
        Assert.Null(resource["gpt-4o"].RequestsPerMinute);
        Assert.Equal([resource], azure.Resources);
    }

    private static Action<SimulatorOptions> Deployment(Action<DeploymentOptions> configure) =>
        options => options.AddResource("east", resource => resource.AddDeployment("gpt-4o", configure));

    private static Action<SimulatorOptions> Provisioned(Action<DeploymentOptions> configure) => Deployment(deployment =>
    {
        deployment.ProvisionedTokensPerMinute = 1000;
        configure(deployment);
    });

    private static Action<SimulatorOptions> With(Action<SimulatorOptions> configure) => options => configure(options.AddResource("east"));
}
