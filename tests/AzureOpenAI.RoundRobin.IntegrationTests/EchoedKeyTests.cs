using System.ClientModel;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Servers that are not what they should be: they repeat a key, share an address, or cannot prove who they are.</summary>
public sealed class EchoedKeyTests : IDisposable
{
    private const string Token = "eyJ0eXAiOiJKV1QifQ.eyJhdWQiOiJhenVyZSJ9.c2lnbmF0dXJl";

    private readonly FakeLogCollector _logs = new();
    private readonly ILoggerFactory _loggers;

    public EchoedKeyTests() => _loggers = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(new FakeLoggerProvider(_logs)));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static MatrixTheoryData<int, bool, bool, bool> AnyError { get; } = new([400, 401, 403, 404, 429, 500, 503], [false, true], [false, true], [false, true]);

    public void Dispose() => _loggers.Dispose();

    [Theory]
    [MemberData(nameof(AnyError))]
    public async Task A_key_that_a_gateway_echoes_in_an_error_gets_into_no_text(int status, bool streaming, bool isV1, bool withToken)
    {
        string key = withToken ? Token : RawPair.EastKey;
        await using RawServer echo = new(exchange => exchange.WriteAsync(RawServer.Json(
            JsonSerializer.Serialize(new { error = new { code = $"{status}", message = $"You sent {exchange.Head}, did you not? {key.ToUpperInvariant()}" } }), status)));
        using EndpointPool pool = Over([echo, echo], key, isV1, withToken);
        using RoundRobinChatClient client = new(pool, leaveOpen: true);

        Exception failure = await Assert.ThrowsAnyAsync<ClientResultException>(() => client.AskAsync(streaming, "hello", null, Cancellation));

        string[] texts =
        [
            failure.ToString(),
            ((ClientResultException)failure).GetRawResponse()?.Content.ToString() ?? "",
            .. (failure as EndpointsExhaustedException)?.Attempts.Select(static attempt => $"{attempt} {attempt.Exception}") ?? [],
            .. pool.GetStatus().Select(static one => $"{one} {one.Reason} {one.LastError} {one.LastError?.Exception}"),
            .. _logs.GetSnapshot().Select(static record => $"{record} {record.Exception} {string.Join(' ', record.StructuredState ?? [])}"),
        ];
        Assert.All(echo.Heads, head => Assert.Contains(key, head, StringComparison.Ordinal));
        Assert.Contains(texts, static text => text.Contains("You sent", StringComparison.Ordinal) && text.Contains("(key)", StringComparison.Ordinal));
        Assert.All(texts, text => Assert.DoesNotContain(key, text, StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Two_paths_of_one_gateway_get_each_its_own_key(bool streaming, bool isV1)
    {
        await using RawServer gateway = new(static exchange => exchange.WriteAsync(RawServer.Json("{}", 503)));
        RoundRobinOptions options = new() { DeploymentName = "gpt-4o", MaxWait = TimeSpan.Zero };
        foreach (string path in new[] { "a", "b", "a/b" })
        {
            options.Endpoints.Add(new EndpointOptions { Name = path, Endpoint = new Uri(gateway.Endpoint, path + (isV1 ? "/openai/v1" : "")), ApiKey = $"key-of-{path.Replace('/', '-')}-0123456789" });
        }

        using RoundRobinChatClient client = new(new EndpointPool(options));

        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => client.AskAsync(streaming, "hello", null, Cancellation));

        Assert.Equal(3, gateway.Heads.Count);
        foreach (string head in gateway.Heads)
        {
            string path = head["POST /".Length..head.IndexOf("/openai/", StringComparison.Ordinal)];
            Assert.Contains($"\r\napi-key: key-of-{path.Replace('/', '-')}-0123456789", head, StringComparison.OrdinalIgnoreCase);
            Assert.Equal(1, head.Split("key-of-").Length - 1);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_certificate_that_nobody_vouches_for_gets_no_request(bool streaming)
    {
        using ECDsa pair = ECDsa.Create();
        CertificateRequest request = new("CN=127.0.0.1", pair, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        await using RawServer pretender = new(static exchange => exchange.WriteAsync(RawServer.Json(RawPair.Completion("[pretender]"))), certificate);
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Endpoint = (resource, endpoint) =>
            endpoint.Endpoint = resource.Name == "east" ? pretender.Endpoint : endpoint.Endpoint);

        Answer answer = await fleet.AskAsync(streaming);

        Assert.Equal(("west", 2), (answer.Endpoint, answer.Attempts));
        Assert.Empty(pretender.Heads);
        Assert.Equal((EndpointState.Unavailable, EndpointFailureReason.Unreachable), (fleet.StatusOf("east").State, fleet.StatusOf("east").Reason));
    }

    private EndpointPool Over(RawServer[] servers, string key, bool isV1, bool withToken)
    {
        RoundRobinOptions options = new() { DeploymentName = "gpt-4o", MaxWait = TimeSpan.Zero, Credential = withToken ? new FakeCredential(Token) : null };
        foreach ((int i, RawServer server) in servers.Index())
        {
            options.Endpoints.Add(new EndpointOptions { Name = $"endpoint {i}", Endpoint = new Uri(server.Endpoint, $"{i}{(isV1 ? "/openai/v1" : "")}"), ApiKey = withToken ? null : key });
        }

        return new EndpointPool(ConfigurationResolver.ForPool(options), _loggers);
    }
}
