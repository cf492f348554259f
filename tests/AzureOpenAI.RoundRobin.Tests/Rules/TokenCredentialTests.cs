using System.ClientModel;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Keyless access through the SDK's real pipelines, on both routes.</summary>
[Trait("Rule", "2")]
public class TokenCredentialTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<bool, bool> Ways => new() { { false, false }, { true, false }, { false, true }, { true, true } };

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Token_IsFetchedOnceForAnEndpointAndItsLifetime(bool streaming, bool v1)
    {
        FakeCredential credential = new(TimeProvider.System);
        using ServicePool pool = Pool(v1, (credential, null), configure: options => options.Endpoints[0].Deployments["other"] = "second");

        await Task.WhenAll(Enumerable.Range(0, 30).Select(i => Task.Run(() => pool.AskAsync(streaming, i % 3 == 0 ? new ChatOptions { ModelId = "other" } : null), Token)));
        for (int i = 0; i < 10; i++)
        {
            await pool.AskAsync(streaming);
        }

        Assert.Equal(1, credential.Fetched);
        Assert.Equal(["https://cognitiveservices.azure.com/.default"], credential.LastContext.Scopes);
        Assert.All(pool.Service.Requests, request => Assert.Equal("Bearer token-1", request.Header("Authorization")));
        Assert.All(pool.Service.Requests, request => Assert.Null(request.Header("api-key")));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task OneCredentialForTwoEndpoints_IsAskedOnceByEach(bool streaming, bool v1)
    {
        FakeCredential credential = new(TimeProvider.System);
        using ServicePool pool = Pool(v1, (credential, credential));

        for (int i = 0; i < 10; i++)
        {
            await pool.AskAsync(streaming);
        }

        Assert.Equal(2, credential.Fetched);
        Assert.Equal([5, 5], new[] { "one", "two" }.Select(host => pool.Service.Requests.Count(request => request.Host == host)));
        Assert.All(pool.Service.Requests.GroupBy(request => request.Host), requests => Assert.Single(requests.Select(request => request.Header("Authorization")).Distinct()));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Token_IsRenewedWhileThePoolRuns(bool streaming, bool v1)
    {
        FakeCredential? credential = null;
        // On a clock that stands in the past, so that the SDK's classic client, which has none but the system's, takes no token for valid.
        using ServicePool pool = new(["one"], (_, endpoint) => SetUp(endpoint, v1, new Forward(() => credential!)));
        credential = new FakeCredential(pool.Time);

        await pool.AskAsync(streaming);
        pool.Time.Advance(TimeSpan.FromMinutes(54));
        await pool.AskAsync(streaming);
        pool.Time.Advance(TimeSpan.FromMinutes(1));
        await pool.AskAsync(streaming);
        await pool.AskAsync(streaming);

        Assert.Equal(["Bearer token-1", "Bearer token-1", "Bearer token-2", "Bearer token-2"], pool.Service.Requests.Select(request => request.Header("Authorization")));
        Assert.Equal(2, credential.Fetched);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task CredentialThrows_IsTheEndpointsFault_AndIsNamed(bool streaming, bool v1)
    {
        Exception[] failures = [new InvalidOperationException("not signed in"), new NotSupportedException("no"), new OperationCanceledException(), new TimeoutException(), new HttpRequestException("imds"), FakeFailure.Status(429)];
        foreach (Exception failure in failures)
        {
            FakeLogCollector logs = new();
            using ILoggerFactory loggers = LoggerFactory.Create(logging => logging.AddProvider(new FakeLoggerProvider(logs)));
            FakeCredential broken = new(TimeProvider.System) { OnFetch = (_, _) => throw failure };
            using ServicePool pool = Pool(v1, (broken, null), loggers);

            for (int i = 0; i < 4; i++)
            {
                Assert.Equal("two", await pool.AskAsync(streaming));
            }

            EndpointStatus one = pool.Pool.GetStatus()[0];
            Assert.Equal((EndpointState.Unavailable, EndpointFailureReason.CredentialRefused, 1L), (one.State, one.Reason, one.Failed));
            Assert.Same(failure, one.LastError!.Exception);
            Assert.Equal(1, broken.Fetched);
            Assert.Contains(logs.GetSnapshot(), record => record.Level == LogLevel.Error && record.Message.StartsWith("Endpoint 'one' is misconfigured", StringComparison.Ordinal));
            Assert.All(pool.Service.Requests, request => Assert.Equal("two", request.Host));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CredentialFailsForAnOperation_IsTheEndpointsFault(bool v1)
    {
        FakeCredential broken = new(TimeProvider.System) { OnFetch = (_, _) => throw new InvalidOperationException("not signed in") };
        using ServicePool pool = Pool(v1, (broken, null));

        ClientResult<OpenAI.Embeddings.OpenAIEmbedding> result = await pool.Pool.InvokeAsync(
            (client, token) => client.Client.GetEmbeddingClient(client.DeploymentName).GenerateEmbeddingAsync("x", cancellationToken: token), cancellationToken: Token);

        Assert.Equal(2, result.Value.ToFloats().Length);
        Assert.Equal(EndpointState.Unavailable, pool.StateOf("one"));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task FactoryOfTheCallerThrows_IsNotTheCredentials(bool streaming, bool v1)
    {
        using ServicePool pool = Pool(v1, (null, null));
        ChatOptions options = new() { RawRepresentationFactory = _ => throw new UnauthorizedAccessException("mine") };

        await Assert.ThrowsAsync<UnauthorizedAccessException>(() => pool.AskAsync(streaming, options));

        Assert.Empty(pool.Service.Requests);
        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    private static ServicePool Pool(bool v1, (FakeCredential? One, FakeCredential? Two) credentials, ILoggerFactory? loggers = null, Action<RoundRobinOptions>? configure = null) =>
        new(credentials.Two is null && configure is not null ? ["one"] : ["one", "two"], (i, endpoint) => SetUp(endpoint, v1, i == 0 ? credentials.One : credentials.Two), configure, loggers);

    private static void SetUp(EndpointOptions endpoint, bool v1, Azure.Core.TokenCredential? credential)
    {
        endpoint.Endpoint = v1 ? new Uri(endpoint.Endpoint!, "openai/v1") : endpoint.Endpoint;
        endpoint.ApiKey = credential is null ? endpoint.ApiKey : null;
        endpoint.Credential = credential;
    }

    private sealed class Forward(Func<Azure.Core.TokenCredential> target) : Azure.Core.TokenCredential
    {
        public override Azure.Core.AccessToken GetToken(Azure.Core.TokenRequestContext requestContext, CancellationToken cancellationToken) =>
            target().GetToken(requestContext, cancellationToken);

        public override ValueTask<Azure.Core.AccessToken> GetTokenAsync(Azure.Core.TokenRequestContext requestContext, CancellationToken cancellationToken) =>
            target().GetTokenAsync(requestContext, cancellationToken);
    }
}
