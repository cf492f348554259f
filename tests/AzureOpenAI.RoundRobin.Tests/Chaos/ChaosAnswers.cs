using System.Net;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>Answers as the service writes them, whole and broken ones.</summary>
internal static class ChaosAnswers
{
    public static HttpResponseMessage Whole(ChaosCall call, bool isEmbedding) => Json(isEmbedding ? Vectors(call, call.Pieces) : Completion(call, "\"stop\""));

    /// <summary>What no caller must take for an answer.</summary>
    public static HttpResponseMessage Broken(ChaosDraw draw, ChaosCall call, bool isEmbedding) => Json(isEmbedding
        ? draw.Of("", "<html></html>", "{\"data\":[", "{}", Vectors(call, call.Pieces - 1), Vectors(call, call.Pieces, length: 0))
        : draw.Of("", "<html></html>", "{\"choices\":[", "{}", Completion(call, "null")));

    /// <summary>Well written, and nothing that the SDK knows.</summary>
    public static HttpResponseMessage Unforeseen(ChaosDraw draw, ChaosCall call, bool isEmbedding) => Json(isEmbedding
        ? draw.Of("[]", "{\"data\":5}", "\"text\"")
        : draw.Of("[]", "\"text\"", "{\"id\":\"1\",\"choices\":5}", Completion(call, "\"quota_of_the_future\""), Completion(call, "5")));

    public static string UnforeseenEvent(ChaosDraw draw) => draw.Of("[]", "{\"id\":\"1\",\"choices\":5}", Chunk("{\"content\":\"x\"}", "5"), Chunk("{\"content\":\"x\"}", "\"quota_of_the_future\""));

    public static string Chunk(string delta, string finish) =>
        $$$"""{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{{{delta}}},"finish_reason":{{{finish}}}}]}""";

    private static string Completion(ChaosCall call, string finish) => $$$"""
        {"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":{{{finish}}},"message":{"role":"assistant","content":"{{{call.Answer}}}"}}]}
        """;

    /// <summary>Each holds the number of its call and its place there.</summary>
    private static string Vectors(ChaosCall call, int count, int length = 2)
    {
        IEnumerable<string> data = Enumerable.Range(0, count).Select(i =>
        {
            string vector = Convert.ToBase64String(MemoryMarshal.AsBytes<float>(new float[] { call.Id, i }.AsSpan(0, length)));
            return $$"""{"object":"embedding","index":{{i}},"embedding":"{{vector}}"}""";
        });
        return $$$"""{"object":"list","model":"m","data":[{{{string.Join(',', data)}}}],"usage":{"prompt_tokens":{{{count}}},"total_tokens":{{{count}}}}}""";
    }

    public static HttpResponseMessage Json(string text) => new(HttpStatusCode.OK)
    {
        Content = new StreamContent(new FakeService.OneWay(text)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
    };
}
