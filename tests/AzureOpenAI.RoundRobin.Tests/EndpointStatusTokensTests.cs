using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;

namespace AzureOpenAI.RoundRobin.Tests;

/// <summary>What answers cost in tokens, as they say themselves.</summary>
public class EndpointStatusTokensTests
{
    private const string Usage = """{"prompt_tokens":30,"completion_tokens":OUT,"total_tokens":40,"prompt_tokens_details":{"cached_tokens":20}}""";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ABuiltEndpoint_CountsWhatTheServiceReports(bool streaming)
    {
        using FakeMeters meters = new();
        using MetricCollector<long> tokens = meters.Collect<long>("tokens");
        using MetricCollector<long> cached = meters.Collect<long>("tokens.cached");
        using ServicePool pool = new(["one", "two"], meterFactory: meters.Factory);
        pool.Service.On = request => Answer(request, reports: 1);

        for (int i = 0; i < 3; i++)
        {
            await pool.AskAsync(streaming);
        }

        Assert.Equal([(60, 20, 40), (30, 10, 20)], Totals(pool.Pool));
        Assert.Equal(
            ["30 endpoint=one gen_ai.token.type=input", "10 endpoint=one gen_ai.token.type=output"], FakeMeters.Lines(tokens)[..2]);
        Assert.Equal(["20 endpoint=one gen_ai.token.type=input", "20 endpoint=two gen_ai.token.type=input"], FakeMeters.Lines(cached)[..2]);
        Assert.Equal("{token}", tokens.Instrument?.Unit);
    }

    [Fact]
    public async Task AStream_ThatReportsItsUsageWithEveryChunk_IsCountedOnce()
    {
        using ServicePool pool = new(["one"]);
        pool.Service.On = request => Answer(request, reports: 4);

        await pool.AskAsync(streaming: true);

        Assert.Equal([(30, 10, 20)], Totals(pool.Pool));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AReadyMadeClient_IsCountedWhereItReports(bool streaming)
    {
        using FakePool pool = new(2);
        UsageDetails usage = new() { InputTokenCount = 7, OutputTokenCount = 5, CachedInputTokenCount = 3 };
        pool.Clients[0].OnCall = (_, _, _) => Task.FromResult(new ChatResponse(new ChatMessage(ChatRole.Assistant, "a")) { Usage = usage });
        pool.Clients[0].OnStream = (_, _, _) => Stream(usage);

        await pool.AskManyAsync(4, streaming);

        Assert.Equal([(14, 10, 6), (0, 0, 0)], Totals(pool.Pool));
    }

    [Fact]
    public async Task AStream_ThatIsThrownAwayAsBroken_HasItsPriceToo()
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => Answer(request, reports: 1, finish: request.Host == "one" ? "null" : "\"stop\"", text: request.Host == "one" ? "" : "x");

        await pool.AskAsync(streaming: true);

        Assert.Equal([(30, 10, 20), (30, 10, 20)], Totals(pool.Pool));
    }

    [Fact]
    public async Task ManyThreads_LoseNothing()
    {
        using FakePool pool = new(3);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.OnCall = (_, _, _) => Task.FromResult(
                new ChatResponse(new ChatMessage(ChatRole.Assistant, "x")) { Usage = new() { InputTokenCount = 3, OutputTokenCount = 2, CachedInputTokenCount = 1 } });
        }

        await Parallel.ForAsync(0, 3_000, TestContext.Current.CancellationToken, async (_, _) => await pool.AskAsync());

        Assert.Equal([(3_000, 2_000, 1_000), (3_000, 2_000, 1_000), (3_000, 2_000, 1_000)], Totals(pool.Pool));
    }

    private static (long Input, long Output, long Cached)[] Totals(EndpointPool pool) =>
        [.. pool.GetStatus().Select(status => (status.InputTokens, status.OutputTokens, status.CachedInputTokens))];

    private static HttpResponseMessage Answer(FakeService.Request request, int reports, string finish = "\"stop\"", string text = "x")
    {
        if (!request.IsStream)
        {
            return new(System.Net.HttpStatusCode.OK)
            {
                Content = new StringContent($$$"""
                    {"id":"1","object":"chat.completion","created":1,"model":"m","usage":{{{Used(10)}}},"choices":[{"index":0,"finish_reason":{{{finish}}},"message":{"role":"assistant","content":"{{{text}}}"}}]}
                    """),
            };
        }

        return FakeService.Events(
            [
                Chunk($$"""[{"index":0,"delta":{"role":"assistant","content":"{{text}}"},"finish_reason":null}]""", "null"),
                Chunk($$"""[{"index":0,"delta":{},"finish_reason":{{finish}}}]""", "null"),
                .. Enumerable.Range(1, reports).Select(report => Chunk("[]", Used(10 * report / reports))),
            ]);
    }

    private static string Used(int output) => Usage.Replace("OUT", $"{output}", StringComparison.Ordinal);

    private static string Chunk(string choices, string usage) =>
        $$"""{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":{{choices}},"usage":{{usage}}}""";

    private static async IAsyncEnumerable<ChatResponseUpdate> Stream(UsageDetails usage)
    {
        yield return new ChatResponseUpdate(ChatRole.Assistant, "a");
        yield return new ChatResponseUpdate(ChatRole.Assistant, [new UsageContent(usage)]);
        await Task.CompletedTask;
    }
}
