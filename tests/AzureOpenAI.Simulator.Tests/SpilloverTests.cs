using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

public sealed class SpilloverTests
{
    private const string From = "x-ms-spillover-from-deployment";
    private const string Served = "x-ms-deployment-name";
    private const string Error = "x-ms-spillover-error";
    private const string Header = "x-ms-spillover-deployment";

    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Over100Percent_TargetServes(bool stream)
    {
        await using var azure = await StartAsync();
        using var client = new WireClient(azure["east"]);

        var own = await client.ChatAsync(deployment: "ptu", extra: Tokens(2000));
        var spilled = await client.ChatAsync(stream: stream, deployment: "ptu", extra: Tokens(10));

        Assert.Equal((200, null, null), (own.Status, own.Header(From), own.Header(Served)));
        Assert.Equal((200, "ptu", "standard"), (spilled.Status, spilled.Header(From), spilled.Header(Served)));
        Assert.Null(spilled.Header(Error));
        Assert.Null(spilled.Header("azure-openai-deployment-utilization"));
        Assert.Equal("100", spilled.Header("x-ratelimit-limit-tokens"));
        Assert.Contains("standard-model", spilled.Body, StringComparison.Ordinal);
        Assert.Equal([("ptu", "ptu"), ("ptu", "standard")], azure.Ledger.Snapshot().Select(entry => (entry.Deployment, entry.ServedBy)));
        Assert.Equal(2, azure.Ledger.Count("east").Answered);
    }

    [Fact]
    public async Task TargetThrottlesToo_OriginalAnswerAndItsHintsAreReturned()
    {
        await using var azure = await StartAsync();
        using var client = new WireClient(azure["east"]);

        await client.ChatAsync(deployment: "ptu", extra: Tokens(2000));
        var rejected = await client.ChatAsync(deployment: "ptu", extra: Tokens(101));

        Assert.Equal((429, "429"), (rejected.Status, rejected.Header(Error)));
        Assert.Equal("60480", rejected.Header("retry-after-ms"));
        Assert.Equal("200.8%", rejected.Header("azure-openai-deployment-utilization"));
        Assert.Null(rejected.Header("x-ratelimit-limit-tokens"));
        Assert.Null(rejected.Header(From));
        var entry = azure.Ledger.Snapshot()[^1];
        Assert.Equal((LedgerOutcome.Throttled, null), (entry.Outcome, entry.ServedBy));
    }

    [Theory]
    [InlineData(500, 200)]
    [InlineData(503, 200)]
    [InlineData(429, 200)]
    [InlineData(502, 502)]
    [InlineData(400, 400)]
    public async Task FaultOfTheProvisionedDeployment_SpillsOnlyAfterTheServicesTriggers(int fault, int status)
    {
        await using var azure = await StartAsync(resource => resource.AddFault(Fault.Status(fault).ForDeployment("ptu")));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync(deployment: "ptu", extra: Tokens(10));

        Assert.Equal((status, status == 200 ? "ptu" : null), (answer.Status, answer.Header(From)));
        Assert.Null(answer.Header(Error));
        Assert.Equal($"status {fault}", azure.Ledger.Snapshot().Single().Fault);
    }

    [Fact]
    public async Task FaultOfBoth_OriginalFaultIsReturned()
    {
        await using var azure = await StartAsync(resource => resource
            .AddFault(Fault.Status(503, "first").WithHeader("Retry-After", "7").ForDeployment("ptu"))
            .AddFault(Fault.Status(500, "second").ForDeployment("standard")));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync(deployment: "ptu", extra: Tokens(10));

        Assert.Equal((503, "500", "7"), (answer.Status, answer.Header(Error), answer.Header("Retry-After")));
        Assert.Contains("first", answer.Body, StringComparison.Ordinal);
        Assert.Equal("status 503, status 500", azure.Ledger.Snapshot().Single().Fault);
    }

    [Fact]
    public async Task TargetFiltersTheContent_OriginalAnswerIsReturned()
    {
        await using var azure = await StartAsync(resource => resource.AddFault(Fault.Status(503).ForDeployment("ptu")));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync("[content-filter]", deployment: "ptu", extra: Tokens(10));

        Assert.Equal((503, "400"), (answer.Status, answer.Header(Error)));
    }

    [Fact]
    public async Task FaultInTheTargetsAnswer_SpoilsWhatIsServed()
    {
        await using var azure = await StartAsync(resource => resource
            .AddFault(Fault.Status(503).ForDeployment("ptu"))
            .AddFault(Fault.EndAfter(3).ForDeployment("standard")));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync(stream: true, deployment: "ptu", extra: Tokens(10));

        Assert.Equal((200, 3, "standard"), (answer.Status, answer.Events.Count, answer.Header(Served)));
        Assert.Equal(LedgerOutcome.Faulted, azure.Ledger.Snapshot().Single().Outcome);
    }

    [Theory]
    [InlineData("alone", "standard", 200, null, "standard")]
    [InlineData("alone", "missing", 503, "404", null)]
    [InlineData("alone", "ptu", 503, "404", null)]
    [InlineData("ptu", "missing", 200, null, "standard")]
    [InlineData("standard", "other", 503, null, null)]
    public async Task RequestHeader_NamesTheTarget_UnlessTheDeploymentDoes(string asked, string named, int status, string? error, string? served)
    {
        await using var azure = await StartAsync(resource => resource
            .AddDeployment("alone", deployment => deployment.ProvisionedTokensPerMinute = 1000)
            .AddDeployment("other")
            .AddFault(Fault.Status(503).ForDeployment(asked)));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatWithHeaderAsync(Header, named, asked);

        Assert.Equal((status, error, served), (answer.Status, answer.Header(Error), answer.Header(Served)));
    }

    [Fact]
    public async Task WrongKey_DoesNotSpillOver()
    {
        await using var azure = await StartAsync(resource => resource.AddFault(Fault.Status(503).ForDeployment("ptu")));
        using var client = new WireClient(azure["east"]);

        var answer = await client.PostAsync(
            "openai/deployments/ptu/chat/completions?api-version=2024-10-21", WireClient.ChatBody("hello"), WireClient.Key("nonsense"));

        Assert.Equal((503, null, null), (answer.Status, answer.Header(From), answer.Header(Error)));
    }

    [Fact]
    public async Task TargetRemovedAtRunTime_IsAnErrorOfTheSpillOver()
    {
        await using var azure = await StartAsync(resource => resource.AddFault(Fault.Status(503).ForDeployment("ptu")));
        using var client = new WireClient(azure["east"]);
        azure["east"].RemoveDeployment("standard");

        var answer = await client.ChatAsync(deployment: "ptu");

        Assert.Equal((503, "404"), (answer.Status, answer.Header(Error)));
        var exception = Assert.Throws<ArgumentException>(() => azure["east"].AddDeployment("late", deployment =>
        {
            deployment.ProvisionedTokensPerMinute = 1;
            deployment.SpilloverDeployment = "standard";
        }));
        Assert.Contains("'standard' is no standard deployment", exception.Message, StringComparison.Ordinal);
    }

    private static string Tokens(int count) => $",\"max_tokens\":{count}";

    /// <summary>"ptu" at 1,000 tokens a minute, which answers use up as estimated, spills over to "standard" at 100.</summary>
    private Task<AzureOpenAISimulator> StartAsync(Action<ResourceOptions>? configure = null) => Simulators.StartOneAsync(
        resource =>
        {
            resource
                .AddDeployment("ptu", deployment =>
                {
                    deployment.ProvisionedTokensPerMinute = 1000;
                    deployment.SpilloverDeployment = "standard";
                    deployment.Respond(request => new ChatReply { Text = "done", Usage = new TokenUsage(8, request.MaxTokens ?? 0) });
                })
                .AddDeployment("standard", deployment =>
                {
                    deployment.TokensPerMinute = 100;
                    deployment.Model = "standard-model";
                });
            configure?.Invoke(resource);
        },
        _time);
}
