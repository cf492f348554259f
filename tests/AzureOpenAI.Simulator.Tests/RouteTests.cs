using System.Text.Json;

namespace AzureOpenAI.Simulator.Tests;

public sealed class RouteTests
{
    [Fact]
    public async Task Chat_ClassicRoute_AnswersLastUserText()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync("one two three");

        Assert.Equal(200, answer.Status);
        Assert.Contains("one two three", answer.Content, StringComparison.Ordinal);
        Assert.Equal("gpt-4o-2024-11-20", answer.Json.GetProperty("model").GetString());
        Assert.Equal("chat.completion", answer.Json.GetProperty("object").GetString());
        Assert.Equal("stop", answer.Json.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal(1, answer.Json.GetProperty("prompt_filter_results").GetArrayLength());
    }

    [Fact]
    public async Task Chat_V1RouteWithBearerKey_Answers()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatV1Async("over v1");

        Assert.Equal(200, answer.Status);
        Assert.Contains("over v1", answer.Content, StringComparison.Ordinal);
        Assert.Equal(RouteKind.V1, Assert.Single(azure.Ledger.Snapshot()).Route);
    }

    [Fact]
    public async Task Chat_Usage_CountsFourCharactersAsOneToken()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.Respond(_ => "12345678"));
        using var client = new WireClient(azure["east"]);

        var usage = (await client.ChatAsync("abcdef")).Json.GetProperty("usage");

        Assert.Equal(5, usage.GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(2, usage.GetProperty("completion_tokens").GetInt32());
        Assert.Equal(7, usage.GetProperty("total_tokens").GetInt32());
    }

    [Theory]
    [InlineData("openai/deployments/gpt-4o/chat/completions")]
    [InlineData("openai/deployments/gpt-4o/chat/completions?api-version=")]
    [InlineData("openai/deployments/gpt-4o/responses?api-version=2024-10-21")]
    [InlineData("openai/deployments/")]
    [InlineData("openai/v1/models")]
    [InlineData("chat/completions?api-version=2024-10-21")]
    public async Task Post_UnknownPathOrMissingVersion_Is404ResourceNotFound(string path)
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        var answer = await client.PostAsync(path, WireClient.ChatBody("hello"), WireClient.Key(azure["east"].ApiKey));

        Assert.Equal(404, answer.Status);
        Assert.Equal("""{"error":{"code":"404","message":"Resource not found"}}""", answer.Body);
    }

    [Fact]
    public async Task Chat_UnknownDeployment_Is404DeploymentNotFound()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        var classic = await client.ChatAsync(deployment: "gpt-9");
        var v1 = await client.ChatV1Async(model: "gpt-9");

        Assert.Equal((404, "DeploymentNotFound"), (classic.Status, classic.ErrorCode));
        Assert.Equal((404, "DeploymentNotFound"), (v1.Status, v1.ErrorCode));
    }

    [Fact]
    public async Task Chat_PathPrefix_IsPartOfEndpoint()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.PathPrefix = "/genai/team-a/");
        using var client = new WireClient(azure["east"]);

        var inside = await client.ChatAsync();
        var outside = await client.PostAsync("/openai/v1/chat/completions", WireClient.ChatBody("hello", model: "gpt-4o"), WireClient.Key(azure["east"].ApiKey));

        Assert.EndsWith("/genai/team-a/", azure["east"].Endpoint.AbsoluteUri, StringComparison.Ordinal);
        Assert.Equal(200, inside.Status);
        Assert.Equal(404, outside.Status);
    }

    [Theory]
    [InlineData("{", "We could not parse")]
    [InlineData("", "We could not parse")]
    [InlineData("[]", "We could not parse")]
    [InlineData("{} {}", "We could not parse")]
    [InlineData("{\"messages\":[]}", "'messages'")]
    public async Task Chat_BadBody_Is400InvalidRequest(string body, string message)
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        var answer = await client.PostAsync("openai/deployments/gpt-4o/chat/completions?api-version=1", body, WireClient.Key(azure["east"].ApiKey));

        Assert.Equal(400, answer.Status);
        Assert.Contains(message, answer.Json.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chat_PromptWithMarker_Is400ContentFilter()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync("say [content-filter] twice");

        Assert.Equal(400, answer.Status);
        Assert.Equal("content_filter", answer.ErrorCode);
        var inner = answer.Json.GetProperty("error").GetProperty("innererror");
        Assert.Equal("ResponsibleAIPolicyViolation", inner.GetProperty("code").GetString());
        Assert.True(inner.GetProperty("content_filter_result").GetProperty("hate").GetProperty("filtered").GetBoolean());
        Assert.Equal(LedgerOutcome.Refused, Assert.Single(azure.Ledger.Snapshot()).Outcome);
    }

    [Fact]
    public async Task Models_V1Route_ListsDeployedModels()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddDeployment("gpt-4o").AddDeployment("text-embedding-3-small"));
        using var client = new WireClient(azure["east"]);

        var answer = await client.GetAsync("openai/v1/models", WireClient.Bearer(azure["east"].ApiKey));

        Assert.Equal(200, answer.Status);
        Assert.Equal(
            ["gpt-4o-2024-11-20", "text-embedding-3-small"],
            answer.Json.GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Responder_Throws_Is500ThatSaysSo()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.Respond(_ => throw new InvalidOperationException("no answer \"today\"")));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync();

        Assert.Equal(500, answer.Status);
        Assert.Contains("no answer \"today\"", answer.Json.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Responder_PartsAndSchema_SeesTheRequest()
    {
        ChatRequest? seen = null;
        await using var azure = await Simulators.StartOneAsync(resource => resource.Respond(request =>
        {
            seen = request;
            return "{}";
        }));
        using var client = new WireClient(azure["east"]);

        await client.PostAsync(
            "openai/deployments/gpt-4o/chat/completions?api-version=1",
            """
            {"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"b"}]}],
             "temperature":0.5,"max_completion_tokens":7,"tools":[{"type":"function","function":{"name":"f"}}],
             "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}}
            """,
            WireClient.Key(azure["east"].ApiKey));

        Assert.NotNull(seen);
        Assert.Equal("ab", seen.LastUserText);
        Assert.Equal(7, seen.MaxTokens);
        Assert.Equal(0.5, seen.Temperature);
        Assert.Equal(["f"], seen.ToolNames);
        Assert.Equal(JsonValueKind.Object, seen.JsonSchema?.ValueKind);
        Assert.False(seen.Streamed);
    }
}
