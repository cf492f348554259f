using System.ClientModel;
using System.ClientModel.Primitives;
using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Azure.AI.OpenAI;
using Azure.AI.OpenAI.Chat;
using AzureOpenAI.RoundRobin.Configuration;
using OpenAI.Audio;
using OpenAI.Chat;
using OpenAI.Images;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Images, audio and Responses through <c>EndpointPool.InvokeAsync</c>, with the limits that the SDK's packages have together. The service here is a handler: the simulator does not speak them.</summary>
public sealed class OtherOperationsTests
{
    /// <summary>Azure.AI.OpenAI 2.1 was built for an older OpenAI package than it meets here; 2.9, a beta, for a newer one.</summary>
    private static readonly bool IsLater = typeof(AzureOpenAIClient).Assembly.GetName().Version >= new Version(2, 9);

    /// <summary>What throws before anything is sent.</summary>
    public static TheoryData<string, Type> Broken => IsLater
        ? new() { { "responses", typeof(MissingMethodException) } }
        : new()
        {
            { "chat", typeof(MissingMethodException) },
            { "chat stream", typeof(MissingMethodException) },
            { "batch", typeof(TypeLoadException) },
            { "content filter", typeof(MissingMethodException) },
            { "data source", typeof(MissingMethodException) },
            { "speech", typeof(InvalidOperationException) },
        };

    public static TheoryData<string> Working => IsLater ? ["chat by its protocol", "chat", "chat stream", "files", "batch", "content filter", "data source", "speech"] : ["chat by its protocol"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false, "/openai/deployments/artist/images/generations")]
    [InlineData(true, "/openai/v1/images/generations")]
    public async Task Images_fail_over_on_both_routes(bool v1, string path)
    {
        using Service service = new("""{"created":1,"data":[{"url":"https://example.com/cat.png"}]}""");
        using EndpointPool pool = Pool(service, v1);

        Uri image = await pool.InvokeAsync(
            async (client, token) =>
            {
                ImageClient images = client.Client.GetImageClient(client.DeploymentName);
                ClientResult<GeneratedImage> result = await images.GenerateImageAsync("a cat", cancellationToken: token);
                return result.Value.ImageUri;
            },
            model: "dall-e-3",
            Cancellation);

        Assert.Equal("https://example.com/cat.png", image.AbsoluteUri);
        service.AssertFailedOver(pool, path);
    }

    [Theory]
    [InlineData(false, "/openai/deployments/artist/audio/transcriptions")]
    [InlineData(true, "/openai/v1/audio/transcriptions")]
    public async Task Transcriptions_fail_over_on_both_routes_if_the_audio_is_opened_anew(bool v1, string path)
    {
        using Service service = new("""{"text":"hello"}""");
        using EndpointPool pool = Pool(service, v1);
        byte[] audio = Encoding.ASCII.GetBytes("not really audio");

        string text = await pool.InvokeAsync(
            async (client, token) =>
            {
                AudioClient listener = client.Client.GetAudioClient(client.DeploymentName);
                using MemoryStream stream = new(audio);
                return (await listener.TranscribeAudioAsync(stream, "hello.mp3", cancellationToken: token)).Value.Text;
            },
            model: "dall-e-3",
            Cancellation);

        Assert.Equal("hello", text);
        service.AssertFailedOver(pool, path);
        Assert.All(service.Bodies, body => Assert.Contains("not really audio", body, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Speech_takes_a_v1_endpoint()
    {
        using Service service = new("sound");
        using EndpointPool pool = Pool(service, v1: true);

        BinaryData speech = await pool.InvokeAsync(
            async (client, token) => (await client.Client.GetAudioClient(client.DeploymentName).GenerateSpeechAsync("hello", GeneratedSpeechVoice.Alloy, cancellationToken: token)).Value,
            model: "dall-e-3",
            Cancellation);

        Assert.Equal("sound", speech.ToString());
        service.AssertFailedOver(pool, "/openai/v1/audio/speech");
    }

    [Fact]
    public async Task Responses_take_a_v1_endpoint()
    {
        using Service service = new("""
            {"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"message","id":"msg_1","role":"assistant",
             "status":"completed","content":[{"type":"output_text","text":"hello to you","annotations":[]}]}],"usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}
            """);
        using EndpointPool pool = Pool(service, v1: true);

        ChatResponse response = await pool.InvokeAsync(
            async (client, token) =>
            {
                IChatClient responses = client.Client.GetResponsesClient().AsIChatClient(client.DeploymentName);
                return await responses.GetResponseAsync("hello", cancellationToken: token);
            },
            model: "dall-e-3",
            Cancellation);

        Assert.Equal(("hello to you", 7), (response.Text, response.Usage!.TotalTokenCount));
        service.AssertFailedOver(pool, "/openai/v1/responses");
        Assert.All(service.Bodies, body => Assert.Contains("\"model\":\"artist\"", body, StringComparison.Ordinal));
    }

    /// <summary>As the documentation says. Where one of these begins to work, it is to be changed.</summary>
    [Theory]
    [MemberData(nameof(Broken))]
    public async Task What_the_classic_client_cannot_do_surfaces_at_once_and_blames_nobody(string what, Type expected)
    {
        using Service service = new("{}");
        using EndpointPool pool = Pool(service, v1: false);

        Exception exception = await Assert.ThrowsAnyAsync<Exception>(() => pool.InvokeAsync((client, token) => TryAsync(what, client, token), cancellationToken: Cancellation));

        Assert.IsType(expected, exception);
        Assert.Empty(service.Addresses);
        Assert.All(pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Theory]
    [MemberData(nameof(Working))]
    public async Task What_the_classic_client_can_do_fails_over(string what)
    {
        using Service service = new("""{"id":"made-up","status":"validating","object":"list","data":[]}""");
        using EndpointPool pool = Pool(service, v1: false);

        await pool.InvokeAsync((client, token) => TryAsync(what, client, token), cancellationToken: Cancellation);

        EndpointStatus west = pool.GetStatus().Single(static status => status is { Name: "west", DeploymentName: "chatty" });
        Assert.Equal((EndpointState.Healthy, 0L), (west.State, west.Failed));
        Assert.Equal(service.Addresses.IsEmpty ? [] : ["east.openai.azure.com", "west.openai.azure.com"], service.Addresses.Select(static address => address.Host));
    }

    [Fact]
    [Trait("Needs", "Azure.AI.OpenAI 2.1")]
    public async Task Lists_of_files_of_the_classic_client_are_asked_for_and_cannot_be_read()
    {
        using Service service = new("""{"object":"list","data":[]}""") { FirstFails = false };
        using EndpointPool pool = Pool(service, v1: false);

        await Assert.ThrowsAsync<MissingMethodException>(() => pool.InvokeAsync((client, token) => TryAsync("files", client, token), cancellationToken: Cancellation));

        Assert.Equal("/openai/files", Assert.Single(service.Addresses).AbsolutePath);
        Assert.All(pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Fact]
    [Trait("Needs", "Azure.AI.OpenAI 2.1")]
    public async Task Responses_of_the_classic_client_go_to_a_path_that_the_service_does_not_have()
    {
        using Service service = new("{}") { FirstFails = false };
        using EndpointPool pool = Pool(service, v1: false);

        await pool.InvokeAsync(
            (client, token) => client.Client.GetResponsesClient().AsIChatClient(client.DeploymentName).GetResponseAsync("hello", cancellationToken: token), cancellationToken: Cancellation);

        Assert.Equal("/responses", service.Addresses.First().PathAndQuery);
    }

#pragma warning disable AOAI001 // The SDKs call some of these experimental.
    private static async Task<bool> TryAsync(string what, PooledClient endpoint, CancellationToken token)
    {
        ChatClient chat = endpoint.Client.GetChatClient(endpoint.DeploymentName);
        switch (what)
        {
            case "chat":
                await chat.CompleteChatAsync([new UserChatMessage("hello")], cancellationToken: token);
                break;
            case "chat stream":
                await foreach (StreamingChatCompletionUpdate update in chat.CompleteChatStreamingAsync([new UserChatMessage("hello")], cancellationToken: token))
                {
                }

                break;
            case "chat by its protocol":
                using (BinaryContent content = BinaryContent.Create(BinaryData.FromString("{}")))
                {
                    await chat.CompleteChatAsync(content, new RequestOptions { CancellationToken = token });
                }

                break;
            case "responses":
                await endpoint.Client.GetResponsesClient().AsIChatClient(endpoint.DeploymentName).GetResponseAsync("hello", cancellationToken: token);
                break;
            case "files":
                await endpoint.Client.GetOpenAIFileClient().GetFilesAsync(token);
                break;
            case "batch":
                await endpoint.Client.GetBatchClient().CreateBatchAsync(BinaryContent.Create(BinaryData.FromString("{}")), waitUntilCompleted: false);
                break;
            case "content filter":
                AzureChatExtensions.GetRequestContentFilterResult(OpenAIChatModelFactory.ChatCompletion());
                break;
            case "data source":
                AzureChatExtensions.AddDataSource(new ChatCompletionOptions(), new AzureSearchChatDataSource { Endpoint = new Uri("https://example.com"), IndexName = "index", Authentication = DataSourceAuthentication.FromApiKey("key") });
                break;
            default:
                await endpoint.Client.GetAudioClient(endpoint.DeploymentName).GenerateSpeechAsync("hello", GeneratedSpeechVoice.Alloy, cancellationToken: token);
                break;
        }

        return true;
    }
#pragma warning restore AOAI001

    private static EndpointPool Pool(Service service, bool v1)
    {
        RoundRobinOptions options = new() { DeploymentName = "chatty", HttpClient = new HttpClient(service, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan } };
        foreach (string name in (string[])["east", "west"])
        {
            EndpointOptions endpoint = new() { Name = name, Endpoint = new Uri($"https://{name}.openai.azure.com/{(v1 ? "openai/v1" : "")}"), ApiKey = "0123456789" };
            endpoint.Deployments["dall-e-3"] = "artist";
            options.Endpoints.Add(endpoint);
        }

        return new EndpointPool(ConfigurationResolver.ForPool(options), start: uint.MaxValue, jitter: static () => 0);
    }

    /// <summary>Answers every request so, but for those to the first endpoint, which has no capacity.</summary>
    private sealed class Service(string answer) : HttpMessageHandler
    {
        public ConcurrentQueue<Uri> Addresses { get; } = new();

        public ConcurrentQueue<string> Bodies { get; } = new();

        public bool FirstFails { get; init; } = true;

        public void AssertFailedOver(EndpointPool pool, string path)
        {
            Assert.Equal([("east.openai.azure.com", path), ("west.openai.azure.com", path)], Addresses.Select(address => (address.Host, address.AbsolutePath)));
            Assert.Equal(EndpointState.Unavailable, pool.GetStatus().Single(status => status is { Name: "east", DeploymentName: "artist" }).State);
        }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Addresses.Enqueue(request.RequestUri!);
            Bodies.Enqueue(request.Content is { } content ? await content.ReadAsStringAsync(cancellationToken) : "");
            HttpResponseMessage response = FirstFails && request.RequestUri!.Host.StartsWith("east", StringComparison.Ordinal)
                ? new(HttpStatusCode.TooManyRequests) { Content = new StringContent("{}"), Headers = { { "Retry-After", "20" } } }
                : new(HttpStatusCode.OK) { Content = new StringContent(answer, Encoding.UTF8, "application/json") };
            response.RequestMessage = request;
            return response;
        }
    }
}
