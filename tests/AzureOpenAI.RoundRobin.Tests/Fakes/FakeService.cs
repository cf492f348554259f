using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>What the SDK's real pipeline meets instead of a network: answers each request as its callback says, and remembers it.</summary>
internal sealed class FakeService : HttpMessageHandler
{
    private readonly ConcurrentQueue<Request> _requests = new();
    private int _disposals;

    public Func<Request, HttpResponseMessage?> On { get; set; } = _ => null;

    /// <summary>What a request waits for.</summary>
    public Func<Request, Task> Before { get; set; } = _ => Task.CompletedTask;

    /// <summary>Instead of <see cref="On"/>, for what takes time.</summary>
    public Func<Request, CancellationToken, Task<HttpResponseMessage>>? OnAsync { get; set; }

    public Request[] Requests => [.. _requests];

    public int Disposals => Volatile.Read(ref _disposals);

    public static HttpResponseMessage Refusal(int status, params (string Name, string Value)[] headers)
    {
        HttpResponseMessage response = new((HttpStatusCode)status) { Content = Json($$$"""{"error":{"code":"{{{status}}}","message":"no"}}""") };
        foreach ((string name, string value) in headers)
        {
            response.Headers.TryAddWithoutValidation(name, value);
        }

        return response;
    }

    /// <summary>A refusal that says why, in the service's words.</summary>
    public static HttpResponseMessage Error(int status, string code) => new((HttpStatusCode)status)
    {
        Content = Json($$$"""{"error":{"code":"{{{code}}}","message":"The request is refused: {{{code}}}","type":"invalid_request_error"}}"""),
    };

    /// <summary>A whole answer, or a stream, without its finish reason where that is null.</summary>
    public static HttpResponseMessage Answer(Request request, string? finish = "stop")
    {
        string ends = finish is null ? "null" : $"\"{finish}\"";
        if (!request.IsStream)
        {
            return new(HttpStatusCode.OK)
            {
                Content = Json($$$"""
                    {"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":{{{ends}}},"message":{"role":"assistant","content":"{{{request.Host}}}"}}]}
                    """),
            };
        }

        return Events(
            """{"id":"","object":"","created":0,"model":"","prompt_filter_results":[],"choices":[]}""",
            Chunk($$"""{"role":"assistant","content":"{{request.Host}}"}""", "null"),
            Chunk("{}", ends));
    }

    /// <summary>So many vectors, each of the given length and filled with its place.</summary>
    public static HttpResponseMessage Vectors(int count, int length = 2)
    {
        IEnumerable<string> data = Enumerable.Range(0, count).Select(i =>
        {
            byte[] bytes = new byte[length * sizeof(float)];
            System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes.AsSpan()).Fill(i);
            return $$"""{"object":"embedding","index":{{i}},"embedding":"{{Convert.ToBase64String(bytes)}}"}""";
        });
        return new(HttpStatusCode.OK)
        {
            Content = Json($$$"""{"object":"list","model":"m","data":[{{{string.Join(',', data)}}}],"usage":{"prompt_tokens":{{{count}}},"total_tokens":{{{count}}}}}"""),
        };
    }

    public static HttpResponseMessage Events(params string[] events) => new(HttpStatusCode.OK)
    {
        Content = new StreamContent(new OneWay(string.Concat(events.Select(data => $"data: {data}\n\n")) + "data: [DONE]\n\n"))
        {
            Headers = { ContentType = new MediaTypeHeaderValue("text/event-stream") },
        },
    };

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        string body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken);
        Request seen = new(request.RequestUri!, JsonNode.Parse(body)!.AsObject(), request.Headers);
        _requests.Enqueue(seen);
        await Before(seen).WaitAsync(cancellationToken);
        HttpResponseMessage response = OnAsync is { } wait ? await wait(seen, cancellationToken) : On(seen) ?? (seen.IsEmbedding ? Vectors(seen.Inputs.Length) : Answer(seen));
        response.RequestMessage = request;
        return response;
    }

    protected override void Dispose(bool disposing)
    {
        Interlocked.Increment(ref _disposals);
        base.Dispose(disposing);
    }

    private static string Chunk(string delta, string ends) =>
        $$$"""{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{{{delta}}},"finish_reason":{{{ends}}}}]}""";

    private static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    /// <summary>As from a network, a stream that cannot be rewound.</summary>
    internal sealed class OneWay(string text) : MemoryStream(Encoding.UTF8.GetBytes(text))
    {
        public override bool CanSeek => false;
    }

    internal sealed record Request(Uri Address, JsonObject Body, HttpRequestHeaders Headers)
    {
        public string Host => Address.Host.Split('.')[0];

        /// <summary>The deployment in the path, or in the body where the path has none.</summary>
        public string Deployment => Address.Segments.Length > 3 && Address.Segments[2] == "deployments/" ? Address.Segments[3].TrimEnd('/') : Model!;

        public string? Header(string name) => Headers.TryGetValues(name, out IEnumerable<string>? values) ? string.Join(',', values) : null;

        public string? Model => (string?)Body["model"];

        public bool IsEmbedding => Address.AbsolutePath.EndsWith("/embeddings", StringComparison.Ordinal);

        public string[] Inputs => Body["input"] is JsonArray several ? [.. several.Select(input => (string)input!)] : [(string)Body["input"]!];

        public bool IsStream => (bool?)Body["stream"] ?? false;
    }
}
