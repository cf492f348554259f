using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

public sealed class ProvisionedTests
{
    private const string Utilization = "azure-openai-deployment-utilization";

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Utilization_AnswerThatUsesItsEstimate_CountsAndDrainsContinuously()
    {
        await using var azure = await StartAsync(work: 400);
        using var client = new WireClient(azure["east"]);

        var first = await client.ChatAsync("400");
        _time.Advance(TimeSpan.FromSeconds(6));
        var second = await client.ChatAsync("400");
        _time.Advance(TimeSpan.FromSeconds(1.5));

        Assert.Equal(("40.0%", "70.0%"), (first.Header(Utilization), second.Header(Utilization)));
        Assert.Null(first.Header("x-ratelimit-remaining-tokens"));
        Assert.Null(first.Header("x-ratelimit-remaining-requests"));
        Assert.Null(first.Header("Retry-After"));
        Assert.Equal(67.5, azure["east"]["gpt-4o"].Utilization);
        Assert.Equal(400, azure.Ledger.Snapshot()[0].EstimatedTokens);
    }

    [Fact]
    public async Task Admission_UpToFull_IsOneRequestAboveIt()
    {
        await using var azure = await StartAsync(work: 500);
        using var client = new WireClient(azure["east"]);

        var half = await client.ChatAsync("500");
        var full = await client.ChatAsync("500");
        var above = await client.ChatAsync("500");
        var rejected = await client.ChatAsync("500");

        Assert.Equal(["50.0%", "100.0%", "150.0%", "150.0%"], new[] { half, full, above, rejected }.Select(answer => answer.Header(Utilization)));
        Assert.Equal([200, 200, 200, 429], new[] { half, full, above, rejected }.Select(answer => answer.Status));
        Assert.Equal(LedgerOutcome.Throttled, azure.Ledger.Snapshot()[^1].Outcome);
    }

    [Fact]
    public async Task Rejection_Hint_IsExactlyTheTimeUntilFull()
    {
        await using var azure = await StartAsync(work: 1023);
        using var client = new WireClient(azure["east"]);

        await client.ChatAsync("1023");
        var rejected = await client.ChatAsync("1");
        _time.Advance(TimeSpan.FromMilliseconds(1379));
        var tooSoon = await client.ChatAsync("1");
        _time.Advance(TimeSpan.FromMilliseconds(1));
        var admitted = await client.ChatAsync("1");

        Assert.Equal(("1380", "2"), (rejected.Header("retry-after-ms"), rejected.Header("Retry-After")));
        Assert.Equal("429", rejected.ErrorCode);
        Assert.Equal([429, 429, 200], [rejected.Status, tooSoon.Status, admitted.Status]);
    }

    [Theory]
    [InlineData(900, 100, 10.0)]
    [InlineData(100, 900, 90.0)]
    public async Task Completion_EstimateWasWrong_IsCorrectedBeforeTheClientHasItsAnswer(int estimate, int used, double utilization)
    {
        await using var azure = await StartAsync(used);
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync(estimate.ToString(System.Globalization.CultureInfo.InvariantCulture), stream: true);

        Assert.Equal($"{estimate / 10}.0%", answer.Header(Utilization));
        Assert.Equal(utilization, azure["east"]["gpt-4o"].Utilization);
    }

    [Fact]
    public async Task Completion_WhileItRuns_TheEstimateHolds()
    {
        var answering = new TaskCompletionSource();
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.ProvisionedTokensPerMinute = 1000;
            deployment.Responder = async (_, cancellationToken) =>
            {
                await answering.Task.WaitAsync(cancellationToken);
                return "a";
            };
        });
        using var client = new WireClient(azure["east"]);

        var running = client.ChatAsync(extra: ",\"max_tokens\":1195");
        await azure.Ledger.WaitForAsync(entries => entries is [{ EstimatedTokens: > 0 }], TestContext.Current.CancellationToken);
        var rejected = await client.ChatAsync();
        answering.SetResult();
        await running;

        Assert.Equal((429, "12000"), (rejected.Status, rejected.Header("retry-after-ms")));
        Assert.Equal(0.6, azure["east"]["gpt-4o"].Utilization);
    }

    [Fact]
    public async Task Completion_WithoutAnswer_CostsThePrompt()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment => deployment.ProvisionedTokensPerMinute = 1000);
        using var client = new WireClient(azure["east"]);

        var filtered = await client.ChatAsync("[content-filter]", extra: ",\"max_tokens\":500");

        Assert.Equal(400, filtered.Status);
        Assert.Equal(0.8, azure["east"]["gpt-4o"].Utilization);
    }

    [Fact]
    public async Task Embeddings_Provisioned_CostTheirInput()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment => deployment.ProvisionedTokensPerMinute = 100);
        using var client = new WireClient(azure["east"]);

        var answer = await client.EmbedAsync("""{"input":["abcde","f"],"dimensions":2}""");

        Assert.Equal("3.0%", answer.Header(Utilization));
        Assert.Equal(3.0, azure["east"]["gpt-4o"].Utilization);
    }

    [Fact]
    public async Task UtilizationWindow_Shorter_HoldsLess()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.ProvisionedTokensPerMinute = 6000;
            deployment.UtilizationWindow = TimeSpan.FromSeconds(1);
            deployment.EstimateTokens = _ => 150;
            deployment.Respond(_ => new ChatReply { Usage = new TokenUsage(150, 0) });
        });
        using var client = new WireClient(azure["east"]);

        var first = await client.ChatAsync();
        var rejected = await client.ChatAsync();

        Assert.Equal("150.0%", first.Header(Utilization));
        Assert.Equal("500", rejected.Header("retry-after-ms"));
    }

    [Fact]
    public async Task Throughput_ChangedAtRunTime_HoldsFromThenOn()
    {
        await using var azure = await StartAsync(work: 1200);
        using var client = new WireClient(azure["east"]);
        var deployment = azure["east"]["gpt-4o"];

        await client.ChatAsync("1200");
        _time.Advance(TimeSpan.FromSeconds(6));
        deployment.ProvisionedTokensPerMinute = 2000;

        Assert.Equal(55.0, deployment.Utilization);
        Assert.Throws<ArgumentOutOfRangeException>(() => deployment.ProvisionedTokensPerMinute = 0);
        Assert.Throws<InvalidOperationException>(() => deployment.ProvisionedTokensPerMinute = null);
        Assert.Throws<InvalidOperationException>(() => deployment.TokensPerMinute = 1);
        Assert.Throws<InvalidOperationException>(() => deployment.ReduceTokensPerMinute(1, TimeSpan.FromSeconds(1)));
        Assert.Throws<InvalidOperationException>(() => azure["east"].AddDeployment("standard").ProvisionedTokensPerMinute = 1);
        Assert.Null(azure["east"]["standard"].Utilization);
    }

    [Fact]
    public async Task Throughput_ChangedByScript_DrainsAtEachRateForItsTime()
    {
        await using var azure = await StartAsync(work: 1200);
        using var client = new WireClient(azure["east"]);
        var deployment = azure["east"]["gpt-4o"];

        await client.ChatAsync("1200");
        deployment.ChangeLimits(TimeSpan.FromSeconds(6), provisionedTokensPerMinute: 2000);
        _time.Advance(TimeSpan.FromSeconds(12));

        // 100 in the first six seconds and 200 in those after, so 900 of 2,000 are left.
        Assert.Equal(45.0, deployment.Utilization);
        Assert.Equal(2000, deployment.ProvisionedTokensPerMinute);
        Assert.Throws<ArgumentException>(() => deployment.ChangeLimits(TimeSpan.Zero, tokensPerMinute: 1));
        Assert.Throws<ArgumentException>(() => deployment.ChangeLimits(TimeSpan.Zero, provisionedTokensPerMinute: 0));
    }

    [Fact]
    public async Task Admission_ManyThreads_AdmitExactlyOneAboveFull()
    {
        await using var azure = await StartAsync(work: 100);
        using var client = new WireClient(azure["east"]);

        var answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => client.ChatAsync("100")));

        Assert.Equal(11, answers.Count(answer => answer.Status == 200));
        Assert.Equal(110.0, azure["east"]["gpt-4o"].Utilization!.Value, precision: 6);
    }

    /// <summary>1,000 tokens a minute; the estimate is the text, and each answer reports <paramref name="work"/> tokens.</summary>
    private Task<AzureOpenAISimulator> StartAsync(int work) => Simulators.StartLimitedAsync(_time, deployment =>
    {
        deployment.ProvisionedTokensPerMinute = 1000;
        deployment.EstimateTokens = request => int.Parse(request.LastUserText, System.Globalization.CultureInfo.InvariantCulture);
        deployment.Respond(_ => new ChatReply { Text = "done", Usage = new TokenUsage(work - 1, 1) });
    });
}
