using System.Text;
using System.Text.Json;
using AzureOpenAI.RoundRobin.Transport;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Transport;

/// <summary>What is an error inside an answer of status 200, and what only looks like one.</summary>
[Trait("Rule", "R11")]
public class InBandErrorTests
{
    [Theory]
    [InlineData("""{"error":{"code":"429","message":"no"}}""", 429, null, "429", "no")]
    [InlineData("""{"error":{"code":429,"message":"no"}}""", 429, null, "429", "no")]
    [InlineData("""{"error":{"code":null,"type":"server_error","message":"no"}}""", 500, "server_error", null, "no")]
    [InlineData("""{"error":{"code":"content_filter","status":400,"message":"no","innererror":{"code":"ResponsibleAIPolicyViolation"}}}""", 400, null, "content_filter", "no")]
    [InlineData("""{"error":{"code":"x","message":"no","inner_error":{"code":"context_length_exceeded"}}}""", 400, null, "x", "no")]
    [InlineData("""{"error":{"code":"DeploymentNotFound","message":"no"}}""", 500, null, "DeploymentNotFound", "no")]
    [InlineData("""{"error":{"inner_error":{"message":"deep"}}}""", 500, null, null, "deep")]
    [InlineData("""{"error":{}}""", 500, null, null, "{}")]
    [InlineData("""{"error":"no"}""", 500, null, null, "no")]
    [InlineData("""{"error":"no","code":"too_many_requests"}""", 429, null, "too_many_requests", "no")]
    [InlineData("""{"statusCode":429,"message":"no"}""", 429, null, null, "no")]
    [InlineData("""{ "statusCode" : 403, "message" : "no" }""", 403, null, null, "no")]
    [InlineData("""{"code":"TooManyRequests","message":"no"}""", 429, null, "TooManyRequests", "no")]
    [InlineData("""{"message":"no","code":12}""", 500, null, "12", "no")]
    [InlineData("""{"status":503,"message":"no"}""", 503, null, null, "no")]
    [InlineData("""{"type":"error","code":"rate_limit_exceeded","message":"no"}""", 429, null, "rate_limit_exceeded", "no")]
    [InlineData("""{"type":"error","error":{"type":"overloaded_error","message":"no"}}""", 500, "overloaded_error", null, "no")]
    [InlineData("""{"object":"error","type":"invalid_request_error","message":"no"}""", 400, "invalid_request_error", null, "no")]
    [InlineData("""{"id":"1","model":"m","error":{"message":"no"}}""", 500, null, null, "no")]
    [InlineData("""{"id":"1","choices":[],"error":{"message":"no"}}""", 500, null, null, "no")]
    [InlineData("""{"id":"1","error":{"message":"no"},"choices":[{"finish_reason":"error"}]}""", 500, null, null, "no")]
    [InlineData("\r\n {\n  \"error\": {\n    \"message\": \"no\"\n  }\n}\n", 500, null, null, "no")]
    public void Find_Error_IsReadWhole_AsBodyAndAsEvent(string json, int status, string? type, string? code, string message)
    {
        InBandError expected = new(status, type, code, message);

        Assert.Equal(expected, Find(json));
        Assert.Equal(expected, Find("\uFEFF" + json));
        Assert.Equal(expected, Find("data: " + json.Trim().ReplaceLineEndings("\ndata: ") + "\n\n"));
        Assert.Equal(expected, Find("id: 7\r\nevent: error\r\ndata:" + json.Trim().ReplaceLineEndings("\r\ndata:") + "\r\n\r\n"));
        Assert.Equal(expected, Find("data: " + json.Trim().ReplaceLineEndings("\ndata: ") + "\nevent:error\n", isWhole: false));
    }

    [Theory]
    [InlineData("event: error\ndata: it broke\n\n", "it broke")]
    [InlineData("event: error\ndata: it\ndata: broke\n\n", "it\nbroke")]
    [InlineData("event: error\ndata: [1]\n\n", "[1]")]
    [InlineData("event: error\n\n", "")]
    public void Find_EventNamedError_MaySayAnything(string text, string message)
    {
        Assert.Equal(new(500, null, null, message), Find(text));
        Assert.Null(Find(text.TrimEnd(), isWhole: false));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("<html>\"error\"</html>")]
    [InlineData("""["error"]""")]
    [InlineData("""{"error":null,"id":"1"}""")]
    [InlineData("""{"error":"","id":"1"}""")]
    [InlineData("""{"id":"1","choices":[{"delta":{"content":"error"}}]}""")]
    [InlineData("""{"id":"1","choices":[{"delta":{"content":"a"},"content_filter_results":{"error":{"code":"content_filter_error"}}}]}""")]
    [InlineData("""{"error":{"message":"a note"},"choices":[{"delta":{"content":"a"}}]}""")]
    [InlineData("""{"id":"resp_1","object":"response","status":"failed","error":{"code":"server_error","message":"no"}}""")]
    [InlineData("""{"error":{"code":"x","message":"no"},"id":"job_1","object":"fine_tuning.job"}""")]
    [InlineData("""{"code":"print(1)"}""")]
    [InlineData("""{"message":"hello"}""")]
    [InlineData("""{"status":"completed","message":"done","id":"1"}""")]
    [InlineData("""{"message":"hello","code":"a","data":[]}""")]
    [InlineData("""{"error":{"message":"no"}} and more""")]
    [InlineData("""{"error":{"message":"no""")]
    [InlineData(": \"error\"\n\n")]
    [InlineData("event: errors\ndata: {}\n\n")]
    public void Find_AnythingElse_IsNone(string text)
    {
        Assert.Null(Find(text));
        Assert.Null(Find($"data: {text}\n\n"));
    }

    [Fact]
    public void Find_LongMessage_IsQuotedInPart() => Assert.Equal(4096 + 3, Find(JsonSerializer.Serialize(new { error = new { message = new string('x', 5000) } }))!.Message.Length);

    [Fact]
    public void Find_LongerThanAnError_IsNone() => Assert.Null(Find(JsonSerializer.Serialize(new { error = new { message = new string('x', InBandError.Longest) } })));

    [Fact]
    public void Find_WellAnswer_WhateverItSays_IsNone() => Contents.Sample(static content => Assert.Null(Find(Well(content))), iter: 2000);

    [Fact]
    public void Find_WellAnswer_AllocatesNothing()
    {
        byte[] well = Encoding.UTF8.GetBytes($"data: {Well("""{"error":{"code":"500"}} event: error""")}\n\n");
        InBandError.Find(well, isWhole: true);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            InBandError.Find(well, isWhole: true);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    /// <summary>Texts that talk of errors.</summary>
    internal static Gen<string> Contents { get; } = Gen.OneOf(
        Gen.OneOf("error", "{\"error\":", "{\"error\":{\"code\":\"500\",\"message\":\"no\"}}", "event: error", "\n\n", "\r\n", "data: ", "\"", "\\", "}", "{", "[DONE]", "\"error\"", "{\"statusCode\":500,\"message\":\"no\"}", "é", "🌍"),
        Gen.String[0, 12]).Array[0, 8].Select(static parts => string.Concat(parts));

    internal static string Well(string content) =>
        $$"""{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":{{JsonSerializer.Serialize(content, Relaxed)}}},"finish_reason":null}]}""";

    private static JsonSerializerOptions Relaxed { get; } = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static InBandError? Find(string text, bool isWhole = true) => InBandError.Find(Encoding.UTF8.GetBytes(text), isWhole);
}
