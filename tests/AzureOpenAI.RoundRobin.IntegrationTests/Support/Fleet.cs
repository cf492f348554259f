using System.ClientModel;
using System.ClientModel.Primitives;
using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using OpenAI;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>
/// Simulated resources and a pool over them by real HTTP. Each endpoint bears its resource's name; the first call goes to the first, and no cooldown has jitter.
/// </summary>
internal sealed class Fleet : IAsyncDisposable
{
    public const string Deployment = "gpt-4o";

    private readonly FleetSetup _setup;

    private Fleet(AzureOpenAISimulator azure, FleetSetup setup)
    {
        _setup = setup;
        Azure = azure;
        Loggers = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(new FakeLoggerProvider(Logs)));
        Pool = CreatePool(setup.Pool);
        Client = new RoundRobinChatClient(Pool);
    }

    public AzureOpenAISimulator Azure { get; }

    public EndpointPool Pool { get; }

    public RoundRobinChatClient Client { get; }

    public FakeLogCollector Logs { get; } = new();

    public ILoggerFactory Loggers { get; }

    public Ledger Ledger => Azure.Ledger;

    public SimulatedResource this[string resource] => Azure[resource];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<Fleet> StartAsync(IEnumerable<string> resources, Action<FleetSetup>? configure = null)
    {
        FleetSetup setup = new();
        configure?.Invoke(setup);
        AzureOpenAISimulator azure = await AzureOpenAISimulator.StartAsync(
            options =>
            {
                options.TimeProvider = setup.Time;
                foreach (string name in resources)
                {
                    options.AddResource(name, setup.Resource);
                }

                setup.Simulator?.Invoke(options);
            },
            Cancellation);
        return new Fleet(azure, setup);
    }

    /// <summary>Another pool over the same resources.</summary>
    public EndpointPool CreatePool(Action<RoundRobinOptions>? configure = null)
    {
        RoundRobinOptions options = new() { DeploymentName = Deployment };
        foreach (SimulatedResource resource in Azure.Resources)
        {
            options.Endpoints.Add(EndpointFor(resource));
        }

        configure?.Invoke(options);
        return new EndpointPool(ConfigurationResolver.ForPool(options), Loggers, _setup.Time, start: uint.MaxValue, jitter: static () => 0);
    }

    public EndpointOptions EndpointFor(SimulatedResource resource)
    {
        EndpointOptions endpoint = new() { Name = resource.Name, Endpoint = _setup.IsV1 ? resource.V1Endpoint : resource.Endpoint, ApiKey = resource.ApiKey };
        endpoint.Api = _setup.Api;
        if (_setup.IsReadyMade)
        {
            endpoint = new() { Name = resource.Name, ChatClient = ResponsesClientOf(resource) };
        }

        _setup.Endpoint?.Invoke(resource, endpoint);
        return endpoint;
    }

    /// <summary>The SDK's own client of the Responses API, without its retries.</summary>
    public static IChatClient ResponsesClientOf(SimulatedResource resource) => new OpenAIClient(
        new ApiKeyCredential(resource.ApiKey),
        new OpenAIClientOptions { Endpoint = resource.V1Endpoint, RetryPolicy = new ClientRetryPolicy(maxRetries: 0), NetworkTimeout = Timeout.InfiniteTimeSpan })
        .GetResponsesClient().AsIChatClient(Deployment);

    public Task<Answer> AskAsync(bool streaming, string prompt = "hello", ChatOptions? options = null, CancellationToken? cancellationToken = null) =>
        Client.AskAsync(streaming, prompt, options, cancellationToken ?? Cancellation);

    public async Task AskAsync(bool streaming, int times)
    {
        for (int i = 0; i < times; i++)
        {
            await AskAsync(streaming);
        }
    }

    public int Attempts(string resource) => (int)Ledger.Count(resource).Attempts;

    public int Attempts() => Azure.Resources.Sum(resource => Attempts(resource.Name));

    /// <summary>How many calls stand in line.</summary>
    public int Waiting => Pool.DefaultPicker.Queue.Length;

    public EndpointStatus StatusOf(string endpoint) => Pool.GetStatus().Single(status => status.Name == endpoint);

    public async Task<HealthReport> CheckHealthAsync()
    {
        ServiceCollection services = new();
        services.AddLogging().AddSingleton(Pool).AddHealthChecks().AddAzureOpenAIRoundRobin();
        await using ServiceProvider provider = services.BuildServiceProvider();
        return await provider.GetRequiredService<HealthCheckService>().CheckHealthAsync(Cancellation);
    }

    public Task WaitForAttemptAsync(string resource) =>
        Ledger.WaitForAsync(entries => entries.Any(entry => entry.Resource == resource), Cancellation);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Loggers.Dispose();
        await Azure.DisposeAsync();
    }
}
