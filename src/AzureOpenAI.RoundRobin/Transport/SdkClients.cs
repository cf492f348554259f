using System.ClientModel;
using System.ClientModel.Primitives;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using Azure.AI.OpenAI;
using Azure.Core;
using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Builds the SDK's clients. The only place that does.</summary>
internal static class SdkClients
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(2);

    /// <summary>
    /// One transport for a pool: connections are renewed, so that a DNS change is seen; a dead host costs 5 seconds, and a
    /// connection that has died half a minute; and neither a cookie nor a redirect can take a key or a call to another place than the configured one.
    /// </summary>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The client disposes its handler.")]
    public static HttpClient CreateTransport() => new(CreateHandler(), disposeHandler: true) { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>The handler of <see cref="CreateTransport"/>.</summary>
    public static SocketsHttpHandler CreateHandler(SilenceLimit? limit = null, Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null)
    {
        SilenceLimit silence = limit ?? SilenceLimit.Default;
        Connector connector = new(silence, TimeProvider.System, resolve);
        return new SocketsHttpHandler
        {
            ConnectTimeout = ConnectTimeout,
            ConnectCallback = (context, cancellationToken) => connector.ConnectAsync(context.DnsEndPoint, cancellationToken),
            KeepAlivePingDelay = silence.Idle,
            KeepAlivePingTimeout = silence.Grace,
            PooledConnectionLifetime = ConnectionLifetime,
            Proxy = new LoopbackBypass(HttpClient.DefaultProxy),
            UseCookies = false,
            AllowAutoRedirect = false,
        };
    }

    /// <summary>A client for the pool, without the SDK's retries and deadlines.</summary>
    public static OpenAIClient Create(EndpointSettings settings, HttpClient transport, TimeProvider time)
    {
        TokenCache? tokens = settings.Credential is { } credential ? new(credential, time) : null;
        return settings.Kind == EndpointKind.V1
            ? CreateV1(settings, tokens, Prepare(new OpenAIClientOptions { Endpoint = settings.Address }, transport))
            : CreateClassic(settings, tokens, Prepare(new AzureOpenAIClientOptions(), transport));
    }

    /// <summary>The SDK's own client with its own retries, deadlines and transport, for use without a pool.</summary>
    public static OpenAIClient CreatePlain(EndpointSettings settings, HttpClient? transport)
    {
        HttpClientPipelineTransport? given = transport is null ? null : new(transport);
        return settings.Kind == EndpointKind.V1
            ? CreateV1(settings, settings.Credential is { } credential ? new TokenCache(credential, TimeProvider.System) : null, new OpenAIClientOptions { Endpoint = settings.Address, Transport = given })
            : CreateClassic(settings, settings.Credential, new AzureOpenAIClientOptions { Transport = given });
    }

    /// <summary>The chat client of a deployment.</summary>
    public static IChatClient Chat(OpenAIClient client, EndpointApi api, string? deployment) =>
#pragma warning disable OPENAI001 // The SDK calls Responses experimental; none of its types is in this library's own public API.
        api == EndpointApi.Responses ? client.GetResponsesClient().AsIChatClient(deployment) : client.GetChatClient(deployment).AsIChatClient();

    /// <summary>Whether a client that the user built speaks the Responses API, as far as it says.</summary>
    public static bool IsOfResponses(IChatClient client) => client.GetService(typeof(ResponsesClient)) is not null;
#pragma warning restore OPENAI001

    private static TOptions Prepare<TOptions>(TOptions options, HttpClient transport)
        where TOptions : ClientPipelineOptions
    {
        options.RetryPolicy = OneTryPolicy.Instance;
        options.NetworkTimeout = Timeout.InfiniteTimeSpan;
        options.Transport = new EndpointTransport(transport);
        return options;
    }

    private static AzureOpenAIClient CreateClassic(EndpointSettings settings, TokenCredential? credential, AzureOpenAIClientOptions options)
    {
        if (credential is TokenCache tokens)
        {
            // After the client's own policy, which would send a refused token until its end.
            options.AddPolicy(new TokenPolicy(tokens, settings.CredentialScope!), PipelinePosition.BeforeTransport);
        }

        if (settings.ApiVersion is { } version)
        {
            options.AddPolicy(new ApiVersionPolicy(version), PipelinePosition.PerCall);
        }

        if (settings.CredentialScope is { } scope)
        {
            options.Audience = new AzureOpenAIAudience(scope);
        }

        return settings.ApiKey is { } key
            ? new AzureOpenAIClient(settings.Address!, new ApiKeyCredential(key), options)
            : new AzureOpenAIClient(settings.Address!, credential!, options);
    }

    private static OpenAIClient CreateV1(EndpointSettings settings, TokenCache? tokens, OpenAIClientOptions options)
    {
        AuthenticationPolicy authentication = settings.ApiKey is { } key
            ? ApiKeyAuthenticationPolicy.CreateHeaderApiKeyPolicy(new ApiKeyCredential(key), "api-key")
            : new TokenPolicy(tokens!, settings.CredentialScope!);
#pragma warning disable OPENAI001 // The only way to send a key as api-key, or a token, to the v1 route; the constructor is not in this library's own public API.
        return new OpenAIClient(authentication, options);
#pragma warning restore OPENAI001
    }
}
