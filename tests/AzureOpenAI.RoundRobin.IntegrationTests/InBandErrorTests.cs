using System.ClientModel;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using OpenAI.Chat;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>What the service says inside an answer of status 200 is what the caller hears, as if it were an answer of its own.</summary>
[Trait("Rule", "R11")]
public sealed class InBandErrorTests
{
    private const string Words = "The model broke down.";

    private static readonly string[] Forms =
    [
        $$$"""{"error":{"message":"{{{Words}}}","type":"server_error","param":null,"code":null}}""",
        $$$"""{"error":{"code":500,"message":"{{{Words}}}"}}""",
        $$$"""{ "error" : {"code":"500","message":"{{{Words}}}"}}""",
        $$$"""{"error":{"code":"InternalServerError","message":"{{{Words}}}","inner_error":{"code":"ModelError","more":{"is":["said",{}]} } } }""",
        $$$"""{"error":"{{{Words}}}"}""",
        $$$"""{"statusCode":500,"message":"{{{Words}}}"}""",
        $$$"""{"code":"500","message":"{{{Words}}}"}""",
        $$$"""{"type":"error","code":"server_error","message":"{{{Words}}}","param":null}""",
        $$$"""{"object":"error","message":"{{{Words}}}","type":"server_error","code":500}""",
        $$$"""{"id":"1","created":1,"model":"m","error":{"code":"server_error","message":"{{{Words}}}"}}""",
        $$$"""{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","error":{"code":"server_error","message":"{{{Words}}}"},"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}""",
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static MatrixTheoryData<string, bool> EveryForm { get; } = new(Forms, [false, true]);

    public static MatrixTheoryData<string, string, string> EveryBeginning { get; } = new(Forms, ["data", "event: error", "body"], ["end", "silence", "[DONE]", "finish"]);

    public static MatrixTheoryData<string, string, string> EveryEvent { get; } = new(Forms, ["data", "event: error"], ["end", "silence", "[DONE]", "finish"]);

    [Theory]
    [MemberData(nameof(EveryForm))]
    public async Task A_call_fails_over(string error, bool isV1)
    {
        await using RawPair pair = new(exchange => exchange.WriteAsync(RawServer.Json(error)), isV1);

        Assert.Equal(RawPair.WestText, (await pair.AskAsync(streaming: false)).Text);
        AssertHeard(pair);
    }

    [Theory]
    [MemberData(nameof(EveryForm))]
    public async Task A_call_whose_error_names_no_length_and_comes_byte_by_byte_fails_over(string error, bool isV1)
    {
        await using RawPair pair = new(exchange => DripAsync(exchange, RawServer.Head(200, "Content-Type: application/json\r\n") + error), isV1);

        Assert.Equal(RawPair.WestText, (await pair.AskAsync(streaming: false)).Text);
        AssertHeard(pair);
    }

    [Theory]
    [MemberData(nameof(EveryForm))]
    public async Task Embeddings_fail_over(string error, bool isV1)
    {
        await using RawPair pair = new(exchange => exchange.WriteAsync(RawServer.Json(error)), isV1);
        using RoundRobinEmbeddingGenerator generator = new(pair.Pool, leaveOpen: true);

        GeneratedEmbeddings<Embedding<float>> answer = await generator.GenerateAsync(["hello"], cancellationToken: Cancellation);

        Assert.Equal([1f, 2f], answer[0].Vector.ToArray());
        AssertHeard(pair);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_operation_fails_over(bool streaming)
    {
        await using RawPair pair = new(exchange => exchange.WriteAsync(streaming ? RawServer.Events($"data: {Forms[0]}\n\ndata: [DONE]\n\n") : RawServer.Json(Forms[0])), isV1: true);

        string text = await pair.Pool.InvokeAsync(
            async (client, token) =>
            {
                ChatClient chat = client.Client.GetChatClient(client.DeploymentName);
                return streaming
                    ? string.Concat(await chat.CompleteChatStreamingAsync([new UserChatMessage("hello")], cancellationToken: token).SelectMany(update => update.ContentUpdate.Select(part => part.Text)).ToListAsync(token))
                    : (await chat.CompleteChatAsync([new UserChatMessage("hello")], cancellationToken: token)).Value.Content[0].Text;
            },
            cancellationToken: Cancellation);

        Assert.Equal(RawPair.WestText, text);
        AssertHeard(pair);
    }

    [Theory]
    [MemberData(nameof(EveryBeginning))]
    public async Task A_stream_fails_over_before_its_content(string error, string form, string then)
    {
        await using RawPair pair = new(async exchange =>
        {
            await exchange.WriteAsync(RawServer.Events(form == "body" ? "" : RawPair.Chunk("""{"role":"assistant"}""")));
            await SayAsync(exchange, error, form, then);
        });

        Assert.Equal(RawPair.WestText, (await pair.AskAsync(streaming: true)).Text);
        AssertHeard(pair);
    }

    [Theory]
    [MemberData(nameof(EveryEvent))]
    public async Task A_stream_is_interrupted_with_the_words_after_its_content(string error, string form, string then)
    {
        await using RawPair pair = new(
            async exchange =>
            {
                await exchange.WriteAsync(RawServer.Events(RawPair.Chunk("""{"role":"assistant","content":"half an "}""") + RawPair.Chunk("""{"content":"answer"}""")));
                await SayAsync(exchange, error, form, then);
            },
            isV1: true);

        (string text, Exception? failure) = await pair.Client.GetStreamingResponseAsync("hello", cancellationToken: Cancellation).ReadAsync();

        Assert.Equal("half an answer", text);
        ChatStreamInterruptedException interrupted = Assert.IsType<ChatStreamInterruptedException>(failure);
        Assert.Contains(Words, interrupted.Message, StringComparison.Ordinal);
        Assert.Equal(500, Assert.IsType<ClientResultException>(interrupted.InnerException, exactMatch: false).Status);
        Assert.Empty(pair.West.Heads);
        Assert.Equal(EndpointFailureReason.Cut, pair.Pool.GetStatus()[0].Reason);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task A_rate_limit_is_one(bool streaming, bool isText)
    {
        string error = $$$"""{"error":{"code":"rate_limit_exceeded","message":"Slow down{{{(isText ? ", retry after 20 seconds" : "")}}}."}}""";
        string header = isText ? "" : "Retry-After: 20\r\n";
        await using RawPair pair = new(exchange => exchange.WriteAsync(streaming
            ? RawServer.Head(200, $"Content-Type: text/event-stream\r\n{header}") + $"data: {error}\n\ndata: [DONE]\n\n"
            : RawServer.Json(error, headers: header)));

        Assert.Equal(RawPair.WestText, (await pair.AskAsync(streaming)).Text);
        EndpointStatus east = pair.Pool.GetStatus()[0];
        Assert.Equal((EndpointFailureReason.RateLimited, 1L, TimeSpan.FromSeconds(20)), (east.Reason, east.RateLimited, east.LastError!.RetryAfter));
    }

    [Theory]
    [InlineData("content_filter", false)]
    [InlineData("content_filter", true)]
    [InlineData("context_length_exceeded", false)]
    [InlineData("context_length_exceeded", true)]
    [InlineData("invalid_prompt", false)]
    [InlineData("invalid_prompt", true)]
    public async Task What_the_request_is_at_fault_for_surfaces_and_blames_nobody(string code, bool streaming)
    {
        string error = $$$"""{"error":{"code":"{{{code}}}","message":"{{{Words}}}"}}""";
        await using RawPair pair = new(exchange => exchange.WriteAsync(streaming ? RawServer.Events($"data: {error}\n\ndata: [DONE]\n\n") : RawServer.Json(error)));
        pair.West.On = exchange => exchange.WriteAsync(streaming ? RawServer.Events($"data: {error}\n\ndata: [DONE]\n\n") : RawServer.Json(error));

        ClientResultException refused = await Assert.ThrowsAnyAsync<ClientResultException>(() => pair.AskAsync(streaming));

        Assert.Equal(400, refused.Status);
        Assert.Contains(Words, refused.Message, StringComparison.Ordinal);
        Assert.Contains(code, refused.Message, StringComparison.Ordinal);
        Assert.Contains(Words, refused.GetRawResponse()!.Content.ToString(), StringComparison.Ordinal);
        Assert.All(pair.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Fact]
    public async Task A_content_filter_after_content_interrupts_the_stream_and_blames_nobody()
    {
        await using RawPair pair = new(exchange => exchange.WriteAsync(RawServer.Events(
            RawPair.Chunk("""{"role":"assistant","content":"half"}""") + $$$"""data: {"error":{"code":"content_filter","message":"{{{Words}}}"}}""" + "\n\n" + RawPair.Chunk("{}", "\"stop\"") + "data: [DONE]\n\n")));

        (string text, Exception? failure) = await pair.Client.GetStreamingResponseAsync("hello", cancellationToken: Cancellation).ReadAsync();

        Assert.Equal("half", text);
        Assert.Contains(Words, Assert.IsType<ChatStreamInterruptedException>(failure).Message, StringComparison.Ordinal);
        Assert.All(pair.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_key_gets_into_no_text(bool streaming)
    {
        string error = $$$"""{"error":{"code":"content_filter","type":"{{{RawPair.EastKey}}}","message":"You sent {{{RawPair.EastKey}}}."}}""";
        await using RawPair pair = new(exchange => exchange.WriteAsync(streaming ? RawServer.Events($"data: {error}\n\n") : RawServer.Json(error)));
        pair.West.On = exchange => exchange.WriteAsync(RawServer.Json(error.Replace(RawPair.EastKey, "x", StringComparison.Ordinal), 400));

        ClientResultException refused = await Assert.ThrowsAnyAsync<ClientResultException>(() => pair.AskAsync(streaming));

        string texts = $"{refused} {refused.GetRawResponse()!.Content} {pair.Pool.GetStatus()[0].LastError}";
        Assert.Contains("You sent (key).", texts, StringComparison.Ordinal);
        Assert.DoesNotContain(RawPair.EastKey, texts, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("{\\\"error\\\":{\\\"code\\\":\\\"500\\\",\\\"message\\\":\\\"no\\\"}}", false)]
    [InlineData("{\\\"error\\\":{\\\"code\\\":\\\"500\\\",\\\"message\\\":\\\"no\\\"}}", true)]
    [InlineData("error", false)]
    [InlineData("error", true)]
    [InlineData("event: error\\n\\ndata: {\\\"error\\\":{}}\\n\\n", false)]
    [InlineData("event: error\\n\\ndata: {\\\"error\\\":{}}\\n\\n", true)]
    public async Task An_answer_that_talks_of_errors_is_one(string text, bool streaming)
    {
        await using RawPair pair = new(exchange => streaming
            ? DripAsync(exchange, RawServer.Events(RawPair.Chunk($$"""{"role":"assistant","content":"{{text}}"}""") + RawPair.Chunk("{}", "\"stop\"") + "data: [DONE]\n\n"))
            : exchange.WriteAsync(RawServer.Json(RawPair.Completion(text))));

        Assert.Equal(System.Text.Json.JsonSerializer.Deserialize<string>($"\"{text}\""), (await pair.AskAsync(streaming)).Text);
        Assert.Empty(pair.West.Heads);
    }

    private static async Task SayAsync(RawExchange exchange, string error, string form, string then)
    {
        await DripAsync(exchange, form switch { "data" => $"data: {error}\n\n", "event: error" => $"event: error\r\ndata:{error}\r\n\r\n", _ => error });
        switch (then)
        {
            case "silence":
                await exchange.StallAsync();
                break;
            case "[DONE]":
                await exchange.WriteAsync("\n\ndata: [DONE]\n\n");
                break;
            case "finish":
                await exchange.WriteAsync("\n\n" + RawPair.Chunk("""{"content":"!"}""") + RawPair.Chunk("{}", "\"stop\"") + "data: [DONE]\n\n");
                break;
        }
    }

    private static async Task DripAsync(RawExchange exchange, string text)
    {
        foreach (char one in text)
        {
            await exchange.WriteAsync($"{one}");
        }
    }

    private static void AssertHeard(RawPair pair)
    {
        Assert.Single(pair.East.Heads);
        EndpointAttempt heard = pair.Pool.GetStatus()[0].LastError!;
        Assert.Equal((500, EndpointFailureReason.Failed), (heard.Status, heard.Reason));
        Assert.Contains(Words, heard.Exception.Message, StringComparison.Ordinal);
    }
}
