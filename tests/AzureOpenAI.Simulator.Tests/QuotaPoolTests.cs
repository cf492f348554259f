using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

public sealed class QuotaPoolTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Pool_DeploymentsOfSeveralResources_DrawOnOneLimit()
    {
        await using var azure = await StartAsync();
        using var east = new WireClient(azure["east"]);
        using var west = new WireClient(azure["west"]);

        var first = await east.ChatAsync(deployment: "a");
        var second = await east.ChatAsync(deployment: "b");
        var third = await west.ChatAsync(deployment: "a");
        var apart = await west.ChatAsync(deployment: "free");
        _time.Advance(TimeSpan.FromMinutes(1));
        var later = await west.ChatAsync(deployment: "a");

        Assert.Equal([200, 200, 429, 200, 200], new[] { first, second, third, apart, later }.Select(answer => answer.Status));
        Assert.Equal(["60", "20", "0"], new[] { first, second, third }.Select(answer => answer.Header("x-ratelimit-remaining-tokens")));
        Assert.Equal("60000", third.Header("retry-after-ms"));
        Assert.Null(apart.Header("x-ratelimit-limit-tokens"));
    }

    [Fact]
    public async Task Pool_ChangedAtRunTime_HoldsForAll()
    {
        await using var azure = await StartAsync();
        using var west = new WireClient(azure["west"]);
        var pool = azure.QuotaPools["SWEDEN"];

        pool.TokensPerMinute = 200;
        pool.RequestsPerMinute = 600;
        azure["west"].AddDeployment("late", deployment => deployment.QuotaPool = "sweden");
        var late = await west.ChatAsync(deployment: "late");

        Assert.Equal(("200", "600"), (late.Header("x-ratelimit-limit-tokens"), late.Header("x-ratelimit-limit-requests")));
        Assert.Equal((200, "Sweden"), (azure["east"]["a"].TokensPerMinute, azure["east"]["a"].QuotaPool));
        Assert.Throws<InvalidOperationException>(() => azure["east"]["a"].TokensPerMinute = 1);
        Assert.Throws<InvalidOperationException>(() => azure["east"]["a"].RequestsPerMinute = 60);
        Assert.Throws<InvalidOperationException>(() => azure["east"]["a"].ReduceTokensPerMinute(1, TimeSpan.FromSeconds(1)));
        Assert.Throws<ArgumentException>(() => azure["west"].AddDeployment("later", deployment => deployment.QuotaPool = "norway"));
    }

    [Fact]
    public async Task Pool_ChangedByScript_HoldsForAll()
    {
        var time = new FakeTimeProvider();
        await using var azure = await AzureOpenAISimulator.StartAsync(
            options =>
            {
                options.TimeProvider = time;
                options.AddQuotaPool("shared", pool =>
                {
                    pool.TokensPerMinute = 100;
                    pool.ChangeLimits(TimeSpan.FromSeconds(10), tokensPerMinute: 200);
                });
                options.AddResource("east", resource => resource.AddDeployment("gpt-4o", deployment => deployment.QuotaPool = "shared"));
            },
            TestContext.Current.CancellationToken);
        var pool = azure.QuotaPools["shared"];

        var before = pool.TokensPerMinute;
        time.Advance(TimeSpan.FromSeconds(10));
        pool.ChangeLimits(TimeSpan.FromSeconds(5), requestsPerMinute: 60);
        var scripted = (pool.RequestsPerMinute, pool.TokensPerMinute);
        time.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal(100, before);
        Assert.Equal((null, 200), scripted);
        Assert.Equal(60, azure["east"]["gpt-4o"].RequestsPerMinute);
        Assert.Throws<ArgumentException>(() => pool.ChangeLimits(TimeSpan.Zero));
        Assert.Throws<InvalidOperationException>(() => azure["east"]["gpt-4o"].ChangeLimits(TimeSpan.Zero, tokensPerMinute: 1));
    }

    [Fact]
    public async Task Reduced_Pool_IsSeenByAllOfItsDeployments()
    {
        await using var azure = await StartAsync();
        using var east = new WireClient(azure["east"]);
        using var west = new WireClient(azure["west"]);

        azure.QuotaPools["Sweden"].ReduceTokensPerMinute(50, TimeSpan.FromMinutes(1));
        var admitted = await east.ChatAsync(deployment: "a");
        var rejected = await west.ChatAsync(deployment: "a");

        Assert.Equal((200, "50"), (admitted.Status, admitted.Header("x-ratelimit-limit-tokens")));
        Assert.Equal((429, "50"), (rejected.Status, rejected.Header("x-ratelimit-limit-tokens")));
    }

    [Fact]
    public async Task Reduced_Deployment_ForAWhileOnly_AndOnlyInTheLimitHeader()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.TokensPerMinute = 100;
            deployment.EstimateTokens = _ => 40;
        });
        using var client = new WireClient(azure["east"]);
        var deployment = azure["east"]["gpt-4o"];

        deployment.ReduceTokensPerMinute(60, TimeSpan.FromSeconds(90));
        var reduced = await client.ChatAsync();
        var rejected = await client.ChatAsync();
        int? configured = deployment.TokensPerMinute;
        _time.Advance(TimeSpan.FromSeconds(90));
        var restored = await client.ChatAsync();

        Assert.Equal((200, "60", "20"), (reduced.Status, reduced.Header("x-ratelimit-limit-tokens"), reduced.Header("x-ratelimit-remaining-tokens")));
        Assert.Equal((429, "60000"), (rejected.Status, rejected.Header("retry-after-ms")));
        Assert.Equal(100, configured);
        Assert.Equal((200, "100"), (restored.Status, restored.Header("x-ratelimit-limit-tokens")));
        Assert.Equal(restored.Headers.Select(header => header.Key), reduced.Headers.Select(header => header.Key));
    }

    [Theory]
    [InlineData(WindowKind.Fixed)]
    [InlineData(WindowKind.Sliding)]
    public async Task Reduced_BelowOneRequest_IsTheUsualHintAndNotADay(WindowKind kind)
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.TokensPerMinute = 100;
            deployment.TokenWindowKind = kind;
            deployment.CountRejected = false;
            deployment.EstimateTokens = _ => 40;
        });
        using var client = new WireClient(azure["east"]);

        azure["east"]["gpt-4o"].ReduceTokensPerMinute(10, TimeSpan.FromHours(1));
        var rejected = await client.ChatAsync();

        Assert.Equal((429, "60000"), (rejected.Status, rejected.Header("retry-after-ms")));
    }

    [Fact]
    public async Task Reduced_HigherThanTheLimit_ChangesNothing()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment => deployment.TokensPerMinute = 100);
        using var client = new WireClient(azure["east"]);
        var deployment = azure["east"]["gpt-4o"];

        deployment.ReduceTokensPerMinute(1000, TimeSpan.MaxValue);
        var answer = await client.ChatAsync();

        Assert.Equal("100", answer.Header("x-ratelimit-limit-tokens"));
        Assert.Throws<ArgumentOutOfRangeException>(() => deployment.ReduceTokensPerMinute(0, TimeSpan.FromSeconds(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => deployment.ReduceTokensPerMinute(1, TimeSpan.Zero));
    }

    private Task<AzureOpenAISimulator> StartAsync() => AzureOpenAISimulator.StartAsync(
        options =>
        {
            options.TimeProvider = _time;
            options.AddQuotaPool("Sweden", pool => pool.TokensPerMinute = 100);
            options.AddResource("east", resource => resource.AddDeployment("a", Pooled).AddDeployment("b", Pooled));
            options.AddResource("west", resource => resource.AddDeployment("a", Pooled).AddDeployment("free"));
        },
        TestContext.Current.CancellationToken);

    private static void Pooled(DeploymentOptions deployment)
    {
        deployment.QuotaPool = "Sweden";
        deployment.EstimateTokens = _ => 40;
    }
}
