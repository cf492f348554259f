using System.Diagnostics.Metrics;
using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>A pool with the SDK's real clients over a fake service: what ready-made clients cannot show.</summary>
internal sealed class ServicePool : IDisposable
{
    private readonly HttpClient _transport;

    /// <param name="endpoints">A host label each, with a deployment after a slash; the same host is the same resource.</param>
    /// <param name="endpoint">What else to set at each.</param>
    /// <param name="configure">What to set for all.</param>
    /// <param name="loggerFactory">Where logs go.</param>
    /// <param name="meterFactory">Who measures.</param>
    /// <param name="time">The clock, if not one of its own.</param>
    public ServicePool(string[] endpoints, Action<int, EndpointOptions>? endpoint = null, Action<RoundRobinOptions>? configure = null, ILoggerFactory? loggerFactory = null,
        IMeterFactory? meterFactory = null, FakeTimeProvider? time = null)
    {
        Time = time ?? new FakeTimeProvider(Clocks.Start);
        _transport = new HttpClient(Service, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };
        RoundRobinOptions options = new() { HttpClient = _transport };
        for (int i = 0; i < endpoints.Length; i++)
        {
            string[] parts = endpoints[i].Split('/');
            EndpointOptions entry = new()
            {
                Name = endpoints[i].Replace('/', '-'),
                Endpoint = new Uri($"https://{parts[0]}.openai.azure.com"),
                ApiKey = KeyOf(parts[0]),
                DeploymentName = parts.Length > 1 ? parts[1] : "gpt",
            };
            endpoint?.Invoke(i, entry);
            options.Endpoints.Add(entry);
        }

        configure?.Invoke(options);
        Pool = new EndpointPool(ConfigurationResolver.ForPool(options), loggerFactory, Time, meterFactory, start: uint.MaxValue, jitter: () => 0);
        Client = new RoundRobinChatClient(Pool);
    }

    public FakeService Service { get; } = new();

    public FakeTimeProvider Time { get; }

    public EndpointPool Pool { get; }

    public RoundRobinChatClient Client { get; }

    public static string KeyOf(string host) => $"secret-key-of-{host}-0123456789";

    public async Task<string> AskAsync(bool streaming = false, ChatOptions? options = null, string prompt = "hi", CancellationToken? token = null)
    {
        CancellationToken cancellationToken = token ?? TestContext.Current.CancellationToken;
        if (!streaming)
        {
            return (await Client.GetResponseAsync(prompt, options, cancellationToken)).Text;
        }

        string text = "";
        await foreach (ChatResponseUpdate update in Client.GetStreamingResponseAsync(prompt, options, cancellationToken))
        {
            text += update.Text;
        }

        return text;
    }

    public EndpointState StateOf(string name) => Pool.GetStatus().First(status => status.Name == name).State;

    public void Dispose()
    {
        Client.Dispose();
        _transport.Dispose();
        Service.Dispose();
    }
}
