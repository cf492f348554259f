using AzureOpenAI.RoundRobin.Configuration;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>A pool of two: <c>east</c> says what a test wants it to say and is asked first, <c>west</c> answers well.</summary>
internal sealed class RawPair : IAsyncDisposable
{
    public const string WestText = "[west] all is well";

    public RawPair(Func<RawExchange, Task> east, bool isV1 = false, TimeProvider? time = null, Action<RoundRobinOptions>? configure = null)
    {
        East = new RawServer(east);
        West = new RawServer(AnswerWellAsync);
        string path = isV1 ? "openai/v1" : "";
        RoundRobinOptions options = new() { DeploymentName = "gpt-4o" };
        options.Endpoints.Add(new EndpointOptions { Name = "east", Endpoint = new Uri(East.Endpoint, path), ApiKey = EastKey });
        options.Endpoints.Add(new EndpointOptions { Name = "west", Endpoint = new Uri(West.Endpoint, path), ApiKey = WestKey });
        configure?.Invoke(options);
        Pool = new EndpointPool(ConfigurationResolver.ForPool(options), timeProvider: time, start: uint.MaxValue, jitter: static () => 0);
        Client = new RoundRobinChatClient(Pool);
    }

    /// <summary>One vector of 1 and 2.</summary>
    public const string Vector = """{"object":"list","model":"m","data":[{"object":"embedding","index":0,"embedding":"AACAPwAAAEA="}],"usage":{"prompt_tokens":1,"total_tokens":1}}""";

    public static string EastKey => "e4f1c0ffee5ca1ab1ede7ec7ab1e0ea5";

    public static string WestKey => "3b7d9e2f1a6c8b4d0e5f7a9c1b3d5e7f";

    public RawServer East { get; }

    public RawServer West { get; }

    public EndpointPool Pool { get; }

    public RoundRobinChatClient Client { get; }

    public Task<Answer> AskAsync(bool streaming) => Client.AskAsync(streaming, "hello", null, TestContext.Current.CancellationToken);

    public static Task AnswerWellAsync(RawExchange exchange) => exchange.WriteAsync(
        exchange.Head.Contains("/embeddings", StringComparison.Ordinal) ? RawServer.Json(Vector) : exchange.WantsStream
        ? RawServer.Events(Chunk("""{"role":"assistant","content":"[west] "}""") + Chunk("""{"content":"all is well"}""") + Chunk("{}", "\"stop\"") + "data: [DONE]\n\n")
        : RawServer.Json(Completion(WestText)));

    public static string Completion(string text) =>
        $$$"""{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"{{{text}}}"}}]}""";

    public static string Chunk(string delta, string finish = "null") =>
        $$$"""data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{{{delta}}},"finish_reason":{{{finish}}}}]}""" + "\n\n";

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await East.DisposeAsync();
        await West.DisposeAsync();
    }
}
