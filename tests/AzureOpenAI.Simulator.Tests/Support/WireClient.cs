using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace AzureOpenAI.Simulator.Tests;

/// <summary>Speaks to a resource in plain HTTP, so that tests see what is on the wire and nothing of an SDK's.</summary>
internal sealed class WireClient(SimulatedResource resource) : IDisposable
{
    private const string ApiVersion = "?api-version=2024-10-21";

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, ResponseDrainTimeout = TimeSpan.Zero })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static string ChatBody(string text, bool stream = false, string? model = null, string extra = "") =>
        $$"""{"messages":[{"role":"system","content":"You are brief."},{"role":"user","content":"{{text}}"}],"stream":{{(stream ? "true" : "false")}}{{(model is null ? "" : $",\"model\":\"{model}\"")}}{{extra}}}""";

    public Task<WireAnswer> ChatAsync(string text = "hello", bool stream = false, string deployment = "gpt-4o", string extra = "") =>
        PostAsync($"openai/deployments/{deployment}/chat/completions{ApiVersion}", ChatBody(text, stream, extra: extra), Key(resource.ApiKey));

    /// <summary>Makes calls one after the other.</summary>
    public async Task<int[]> StatusesAsync(int count)
    {
        int[] statuses = new int[count];
        for (int i = 0; i < count; i++)
        {
            statuses[i] = (await ChatAsync()).Status;
        }

        return statuses;
    }

    public Task<WireAnswer> ChatWithHeaderAsync(string name, string value, string deployment = "gpt-4o") =>
        PostAsync($"openai/deployments/{deployment}/chat/completions{ApiVersion}", ChatBody("hello"), headers =>
        {
            Key(resource.ApiKey)(headers);
            headers.Add(name, value);
        });

    /// <summary>Sends a chat call of one's own making.</summary>
    public Task<WireAnswer> ChatBodyAsync(string body, string deployment = "gpt-4o") =>
        PostAsync($"openai/deployments/{deployment}/chat/completions{ApiVersion}", body, Key(resource.ApiKey));

    public Task<WireAnswer> ChatV1Async(string text = "hello", bool stream = false, string model = "gpt-4o") =>
        PostAsync("openai/v1/chat/completions", ChatBody(text, stream, model), Bearer(resource.ApiKey));

    public Task<WireAnswer> EmbedAsync(string body, string deployment = "gpt-4o") =>
        PostAsync($"openai/deployments/{deployment}/embeddings{ApiVersion}", body, Key(resource.ApiKey));

    public Task<WireAnswer> PostAsync(string path, string body, Action<HttpRequestHeaders> authorize) => SendAsync(HttpMethod.Post, path, body, authorize);

    public Task<WireAnswer> GetAsync(string path, Action<HttpRequestHeaders> authorize) => SendAsync(HttpMethod.Get, path, body: null, authorize);

    /// <summary>Sends a chat call and returns as soon as headers have come.</summary>
    public Task<HttpResponseMessage> StartChatAsync(string text, bool stream, CancellationToken cancellationToken) =>
        _http.SendAsync(
            Request(HttpMethod.Post, $"openai/deployments/gpt-4o/chat/completions{ApiVersion}", ChatBody(text, stream), Key(resource.ApiKey)),
            HttpCompletionOption.ResponseHeadersRead,
            cancellationToken);

    public void Dispose() => _http.Dispose();

    public static Action<HttpRequestHeaders> Key(string key) => headers => headers.Add("api-key", key);

    public static Action<HttpRequestHeaders> Bearer(string token) => headers => headers.Authorization = new("Bearer", token);

    public static Action<HttpRequestHeaders> Nothing => _ => { };

    private async Task<WireAnswer> SendAsync(HttpMethod method, string path, string? body, Action<HttpRequestHeaders> authorize)
    {
        using var response = await _http.SendAsync(Request(method, path, body, authorize), Cancellation);
        return new WireAnswer((int)response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation), response.Headers, response.Content.Headers);
    }

    private HttpRequestMessage Request(HttpMethod method, string path, string? body, Action<HttpRequestHeaders> authorize)
    {
        var request = new HttpRequestMessage(method, new Uri(resource.Endpoint, path));
        authorize(request.Headers);
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }

        return request;
    }
}

internal sealed record WireAnswer(int Status, string Body, HttpResponseHeaders Headers, HttpContentHeaders ContentHeaders)
{
    public JsonElement Json => JsonElement.Parse(Body);

    public string Content => Json.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;

    public string? ErrorCode => Json.GetProperty("error").GetProperty("code").GetString();

    public int CachedTokens => Json.GetProperty("usage").GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt32();

    public string? Header(string name) => Headers.TryGetValues(name, out var values) ? string.Join(",", values) : null;

    /// <summary>The payloads of the events of a stream, <c>[DONE]</c> included.</summary>
    public IReadOnlyList<string> Events =>
        [.. Body.Split('\n').Select(line => line.TrimEnd('\r')).Where(line => line.StartsWith("data: ", StringComparison.Ordinal)).Select(line => line["data: ".Length..])];
}
