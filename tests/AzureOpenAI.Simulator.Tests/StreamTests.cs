using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

public sealed class StreamTests
{
    private const string Usage = ""","stream_options":{"include_usage":true}""";

    [Fact]
    public async Task Stream_WithUsage_IsByteForByteTheServices()
    {
        var time = new FakeTimeProvider(DateTimeOffset.FromUnixTimeSeconds(1_750_000_000));
        await using var azure = await Simulators.StartOneAsync(resource => resource.Respond(_ => "Hi there"), time);
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync(stream: true, extra: Usage);

        const string Filters = """{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}""";
        const string Identity = """
            "created":1750000000,"id":"chatcmpl-00000000000000000000000000001","model":"gpt-4o-2024-11-20","object":"chat.completion.chunk","system_fingerprint":"fp_5154047bf2"
            """;
        string tail = Identity + ",\"usage\":null}";
        string[] expected =
        [
            """{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}]}""",
            """{"choices":[{"content_filter_results":{},"delta":{"content":"","refusal":null,"role":"assistant"},"finish_reason":null,"index":0,"logprobs":null}],""" + tail,
            $$$"""{"choices":[{"content_filter_results":{{{Filters}}},"delta":{"content":"Hi"},"finish_reason":null,"index":0,"logprobs":null}],""" + tail,
            $$$"""{"choices":[{"content_filter_results":{{{Filters}}},"delta":{"content":" there"},"finish_reason":null,"index":0,"logprobs":null}],""" + tail,
            """{"choices":[{"content_filter_results":{},"delta":{},"finish_reason":"stop","index":0,"logprobs":null}],""" + tail,
            """{"choices":[],""" + Identity + ""","usage":{"completion_tokens":2,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0},"prompt_tokens":5,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0},"total_tokens":7}}""",
            "[DONE]",
        ];
        Assert.Equal(string.Concat(expected.Select(payload => $"data: {payload}\n\n")), answer.Body);
        Assert.Equal("text/event-stream", answer.ContentHeaders.ContentType?.MediaType);
    }

    [Fact]
    public async Task Stream_WithoutUsageAsked_HasNoUsageAtAll()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync(stream: true);

        Assert.DoesNotContain("usage", answer.Body, StringComparison.Ordinal);
        Assert.Equal("[DONE]", answer.Events[^1]);
    }

    [Fact]
    public async Task Stream_ToolCalls_ComeInFragmentsUnderOneIndex()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.Respond(_ =>
            ChatReply.FromToolCalls(new ReplyToolCall("forecast", """{"city":"Bern","unit":"celsius"}""", "call_1"))));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync(stream: true);

        Assert.Contains("\"delta\":{\"content\":null,\"refusal\":null,\"role\":\"assistant\"}", answer.Events[1], StringComparison.Ordinal);
        Assert.Contains("""{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"forecast","arguments":""}}]}""", answer.Events[2], StringComparison.Ordinal);
        Assert.Contains("""{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":\"Ber"}}]}""", answer.Events[3], StringComparison.Ordinal);
        Assert.Contains("\"finish_reason\":\"tool_calls\"", answer.Events[^2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_OddFormat_HasCarriageReturnsCommentsAndAnnotations()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddDeployment("gpt-4o", deployment =>
        {
            deployment.Respond(_ => "é");
            deployment.StreamFormat = new StreamFormat { CarriageReturns = true, KeepAliveComments = true, FilterAnnotations = true, PieceSize = 3 };
        }));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync(stream: true);

        Assert.StartsWith(": keep-alive\r\n\r\ndata: {", answer.Body, StringComparison.Ordinal);
        Assert.EndsWith("data: [DONE]\r\n\r\n", answer.Body, StringComparison.Ordinal);
        Assert.Equal(answer.Body.Count(c => c == '\n'), answer.Body.Count(c => c == '\r'));
        Assert.Contains("{\"content\":\"é\"}", answer.Body, StringComparison.Ordinal);
        Assert.Contains("content_filter_offsets", answer.Events[^2], StringComparison.Ordinal);
        Assert.DoesNotContain("delta", answer.Events[^2], StringComparison.Ordinal);
        Assert.Contains("\"finish_reason\":\"stop\"", answer.Events[^3], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("content_filter")]
    [InlineData("length")]
    public async Task Reply_FinishReason_IsSentInBothForms(string reason)
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.Respond(_ => new ChatReply { FinishReason = reason }));
        using var client = new WireClient(azure["east"]);

        var whole = await client.ChatAsync();
        var streamed = await client.ChatAsync(stream: true);

        Assert.Equal(reason, whole.Json.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Contains($"\"finish_reason\":\"{reason}\"", streamed.Events[^2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_Refusal_ComesAsRefusalDeltas()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.Respond(_ => new ChatReply { Refusal = "I will not" }));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync(stream: true);

        Assert.Equal(3, answer.Events.Count(payload => payload.Contains("\"delta\":{\"refusal\":", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Stream_Chunks_AreTheResponders()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.Respond(_ => new ChatReply
        {
            Text = "abc",
            Chunks = ["a", "bc"],
            Model = "other",
            Usage = new TokenUsage(10, 20) { CachedTokens = 5, ReasoningTokens = 7 },
        }));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync(stream: true, extra: Usage);

        Assert.Contains("{\"content\":\"a\"}", answer.Events[2], StringComparison.Ordinal);
        Assert.Contains("{\"content\":\"bc\"}", answer.Events[3], StringComparison.Ordinal);
        Assert.Contains("\"model\":\"other\"", answer.Events[3], StringComparison.Ordinal);
        Assert.Contains("\"cached_tokens\":5", answer.Events[^2], StringComparison.Ordinal);
        Assert.Contains("\"reasoning_tokens\":7", answer.Events[^2], StringComparison.Ordinal);
    }
}
