using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net;
using Azure.Core;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using AzureOpenAI.RoundRobin.Transport;
using Microsoft.Extensions.AI;
using OpenAI;

namespace AzureOpenAI.RoundRobin.Tests.Transport;

/// <summary>How the SDK's clients are built: what their requests carry.</summary>
public class SdkClientsTests
{
    private static readonly Uri V1 = new("https://one.openai.azure.com/openai/v1");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AClassicEndpoint_SendsItsKeyAndNoOther(bool streaming)
    {
        using ServicePool pool = new(["one", "two"]);

        await pool.AskAsync(streaming);
        await pool.AskAsync(streaming);

        Assert.Equal([ServicePool.KeyOf("one"), ServicePool.KeyOf("two")], pool.Service.Requests.Select(request => request.Header("api-key")));
        Assert.All(pool.Service.Requests, request => Assert.Null(request.Header("Authorization")));
        Assert.Equal("/openai/deployments/gpt/chat/completions", pool.Service.Requests[0].Address.AbsolutePath);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnError_ThatAnOperationTakesAsAnAnswer_ShowsNoKeyEither(bool buffered)
    {
        using ServicePool pool = new(["one"]);
        pool.Service.On = request => new(HttpStatusCode.BadRequest) { Content = new StringContent($"You sent {request.Header("api-key")}.") };

        string body = await pool.Pool.InvokeAsync(
            async (client, token) =>
            {
                using BinaryContent content = BinaryContent.Create(BinaryData.FromString("{}"));
                RequestOptions options = new() { BufferResponse = buffered, ErrorOptions = ClientErrorBehaviors.NoThrow, CancellationToken = token };
                ClientResult result = await client.Client.GetChatClient(client.DeploymentName).CompleteChatAsync(content, options);
                return await new StreamReader(result.GetRawResponse().ContentStream!).ReadToEndAsync(token);
            },
            cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal("You sent (key).", body);
    }

    [Theory]
    [InlineData("2024-10-21")]
    [InlineData("2025-04-01-preview")]
    [InlineData("some-other-version")]
    public async Task ApiVersion_OfAClassicEndpoint_IsSentAsItIs(string version)
    {
        using ServicePool pool = new(["one"], (_, entry) => entry.ApiVersion = version);

        await pool.AskAsync();

        Assert.Equal($"?api-version={version}", Assert.Single(pool.Service.Requests).Address.Query);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AV1Endpoint_SendsItsKeyAsApiKey(bool streaming)
    {
        using ServicePool pool = new(["one"], (_, entry) => entry.Endpoint = V1);

        await pool.AskAsync(streaming);

        FakeService.Request request = Assert.Single(pool.Service.Requests);
        Assert.Equal((ServicePool.KeyOf("one"), null, ""), (request.Header("api-key"), request.Header("Authorization"), request.Address.Query));
    }

    [Theory]
    [InlineData(false, "https://one.openai.azure.com")]
    [InlineData(true, "https://one.openai.azure.com")]
    [InlineData(false, "https://one.openai.azure.com/openai/v1")]
    [InlineData(true, "https://one.openai.azure.com/openai/v1")]
    public async Task ACredential_IsSentAsAToken(bool streaming, string address)
    {
        FakeCredential credential = new();
        using ServicePool pool = new(["one"], (_, entry) => (entry.Endpoint, entry.ApiKey, entry.Credential) = (new Uri(address), null, credential));

        await pool.AskAsync(streaming);

        FakeService.Request request = Assert.Single(pool.Service.Requests);
        Assert.Equal((null, "Bearer token"), (request.Header("api-key"), request.Header("Authorization")));
        Assert.Equal(["https://cognitiveservices.azure.com/.default"], credential.Scopes);
    }

    [Theory]
    [Trait("Rule", "R17")]
    [InlineData("https://one.openai.azure.us", "https://cognitiveservices.azure.us/.default")]
    [InlineData("https://one.openai.azure.us/openai/v1", "https://cognitiveservices.azure.us/.default")]
    [InlineData("https://one.cognitiveservices.azure.us/openai/v1", "https://cognitiveservices.azure.us/.default")]
    [InlineData("https://one.azure-api.us/genai", "https://cognitiveservices.azure.us/.default")]
    [InlineData("https://one.openai.azure.cn", "https://cognitiveservices.azure.cn/.default")]
    [InlineData("https://one.openai.azure.cn/openai/v1", "https://cognitiveservices.azure.cn/.default")]
    [InlineData("https://one.services.ai.azure.com/openai/v1", "https://cognitiveservices.azure.com/.default")]
    [InlineData("https://one.example.us", "https://cognitiveservices.azure.com/.default")]
    [InlineData("https://one.example.cn/openai/v1", "https://cognitiveservices.azure.com/.default")]
    public async Task ACredential_OfASovereignCloud_AsksForItsScope(string address, string scope)
    {
        FakeCredential credential = new();
        using ServicePool pool = new(["one"], (_, entry) => (entry.Endpoint, entry.ApiKey, entry.Credential) = (new Uri(address), null, credential));

        await pool.AskAsync();

        Assert.Equal([scope], credential.Scopes);
    }

    [Theory]
    [Trait("Rule", "R17")]
    [InlineData(false, "https://one.openai.azure.com")]
    [InlineData(true, "https://one.openai.azure.com")]
    [InlineData(false, "https://one.openai.azure.us/openai/v1")]
    [InlineData(true, "https://one.openai.azure.us/openai/v1")]
    public async Task ACredential_AsksForTheScopeThatTheOptionsName(bool streaming, string address)
    {
        FakeCredential credential = new();
        using ServicePool pool = new(
            ["one"], (_, entry) => (entry.Endpoint, entry.ApiKey) = (new Uri(address), null), options => (options.Credential, options.CredentialScope) = (credential, " https://ai.azure.com/.default "));

        await pool.AskAsync(streaming);

        Assert.Equal(["https://ai.azure.com/.default"], credential.Scopes);
    }

    [Theory]
    [Trait("Rule", "R17")]
    [InlineData("https://one.openai.azure.com")]
    [InlineData("https://one.openai.azure.com/openai/v1")]
    public async Task ThePlainClient_AsksForTheSameScope(string address)
    {
        FakeCredential credential = new();
        FakeService service = new();
        using HttpClient transport = new(service);
        RoundRobinOptions options = new() { Enabled = false, Credential = credential, CredentialScope = "https://ai.azure.com/.default", DeploymentName = "gpt", HttpClient = transport };
        options.Endpoints.Add(new EndpointOptions { Endpoint = new Uri(address) });
        OpenAIClient client = SdkClients.CreatePlain(ConfigurationResolver.ForSwitch(options, environment: static _ => null).Settings.Endpoints[0], transport);

        await client.GetChatClient("gpt").AsIChatClient().GetResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(["https://ai.azure.com/.default"], credential.Scopes);
    }

    [Theory]
    [Trait("Rule", "R17")]
    [InlineData("https://one.openai.azure.com")]
    [InlineData("https://one.openai.azure.com/openai/v1")]
    public async Task AnotherScope_IsTakenOverInPlace(string address)
    {
        FakeCredential credential = new();
        RoundRobinOptions? options = null;
        using ServicePool pool = new(["one"], (_, entry) => (entry.Endpoint, entry.ApiKey) = (new Uri(address), null), given => (options = given).Credential = credential);
        await pool.AskAsync();

        options!.CredentialScope = "https://ai.azure.com/.default";
        pool.Pool.Update(options);
        await pool.AskAsync();

        Assert.Equal(["https://ai.azure.com/.default"], credential.Scopes);
        Assert.Equal(2, pool.Pool.GetStatus()[0].Answered);
    }

    [Theory]
    [InlineData(false, "https://one.openai.azure.com")]
    [InlineData(true, "https://one.openai.azure.com")]
    [InlineData(false, "https://one.openai.azure.com/openai/v1")]
    [InlineData(true, "https://one.openai.azure.com/openai/v1")]
    public async Task ACredential_ThatFails_IsTheEndpointsMisconfiguration(bool streaming, string address)
    {
        using ServicePool pool = new(["one", "two"], (i, entry) =>
        {
            if (i == 0)
            {
                (entry.Endpoint, entry.ApiKey, entry.Credential) = (new Uri(address), null, new FakeCredential { Failure = new NotImplementedException("no identity here") });
            }
        });

        Assert.Equal("two", await pool.AskAsync(streaming));

        Assert.Equal(["two"], pool.Service.Requests.Select(request => request.Host));
        Assert.Equal((EndpointState.Unavailable, EndpointFailureReason.CredentialRefused), (pool.StateOf("one"), pool.Pool.GetStatus()[0].Reason));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AFailedRequest_IsNotRetriedByTheSdk(bool streaming)
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(503) : null;

        Assert.Equal("two", await pool.AskAsync(streaming));
        Assert.Equal(2, pool.Service.Requests.Length);
    }

    private sealed class FakeCredential : TokenCredential
    {
        public Exception? Failure { get; init; }

        public string[] Scopes { get; private set; } = [];

        public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken)
        {
            Scopes = requestContext.Scopes;
            return Failure is null ? new AccessToken("token", DateTimeOffset.MaxValue) : throw Failure;
        }

        public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
            new(GetToken(requestContext, cancellationToken));
    }
}
