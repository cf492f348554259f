using System.Diagnostics.Metrics;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Redis.Tests.DependencyInjection;

/// <summary>Where a registration takes its connection from, whose it is, and what it says of faults.</summary>
public sealed class RegistrationTests(GarnetTests.Server server) : IClassFixture<GarnetTests.Server>, IDisposable
{
    private const string Variable = "AZURE_OPENAI_ROUND_ROBIN_REDIS";

    private readonly FakeLogCollector _logs = new();
    private readonly FakeService _service = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _service.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData("facts")]
    public async Task ConnectionOfTheContainer_IsUsed_AndNotDisposed(string? key)
    {
        await using ConnectionMultiplexer multiplexer = await server.Garnet.ConnectAsync();
        using IHost host = Build(services =>
        {
            services.AddKeyedSingleton<IConnectionMultiplexer>(key, multiplexer);
            services.AddAzureOpenAIRoundRobinRedis(options => options.ServiceKey = key);
        });
        await RunAsync(host);

        Assert.True(multiplexer.IsConnected);
        Assert.False(await multiplexer.GetDatabase().KeyExistsAsync("none"));
    }

    [Theory]
    [InlineData("option")]
    [InlineData(Variable)]
    [InlineData("ConnectionStrings:redis")]
    public async Task ConnectionOfItsOwn_IsOpened_AndDisposed(string from)
    {
        string name = $"own-{Guid.NewGuid():N}";
        string text = $"{server.Garnet.Address},name={name}";
        using IHost host = Build(
            services => services.AddAzureOpenAIRoundRobinRedis(options => options.ConnectionString = from == "option" ? text : null), (from, text));
        await RunAsync(host, async () => Assert.NotEmpty(await ClientsAsync(name)));

        await Eventually.TrueAsync(async () => (await ClientsAsync(name)).Length == 0);
    }

    [Fact]
    public async Task FactoryThatThrows_CostsNoCall()
    {
        using IHost host = Build(services =>
        {
            services.AddSingleton<IConnectionMultiplexer>(static _ => ConnectionMultiplexer.Connect("127.0.0.1:1,connectTimeout=200,password=a-secret"));
            services.AddAzureOpenAIRoundRobinRedis();
        });
        await host.StartAsync(Cancellation);
        await AskAsync(host);
        await Eventually.TrueAsync(() => Logged(2).Length == 1);

        Assert.Contains("there is no connection", Logged(2)[0], StringComparison.Ordinal);
        Assert.DoesNotContain(_logs.GetSnapshot(), record => record.Message.Contains("a-secret", StringComparison.Ordinal));
        await host.StopAsync(Cancellation);
    }

    [Fact]
    public async Task NothingConfigured_IsAWarning()
    {
        using IHost host = Build(static services => services.AddAzureOpenAIRoundRobinRedis());
        await host.StartAsync(Cancellation);
        await AskAsync(host);

        Assert.StartsWith("No Redis is configured, so this process goes by its own calls alone.", Assert.Single(Logged(3)), StringComparison.Ordinal);
        await host.StopAsync(Cancellation);
    }

    [Theory]
    [InlineData("", "x", "FleetName must be")]
    [InlineData("a\nb", "x", "FleetName must be")]
    [InlineData("a", "localhost,nonsense=my-secret", "The connection string of Redis cannot be read")]
    [InlineData("a", "pass,word=1", "The connection string of Redis cannot be read")]
    [InlineData("a", "ssl=true", "The connection string of Redis cannot be read")]
    public async Task Fault_StopsTheHost_AndShowsNoSecret(string fleet, string connection, string message)
    {
        using IHost host = Build(services => services.AddAzureOpenAIRoundRobinRedis(options => (options.FleetName, options.ConnectionString) = (fleet, connection)));
        OptionsValidationException fault = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Cancellation));

        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("my-secret", fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task KeyThatIsNotRegistered_StopsTheHost()
    {
        using IHost host = Build(static services => services.AddAzureOpenAIRoundRobinRedis(static options => (options.ServiceKey, options.StartWait, options.AskTimeout) = ("cache", TimeSpan.FromMinutes(1), TimeSpan.Zero)));
        OptionsValidationException fault = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Cancellation));

        Assert.Equal(["StartWait must be from 0 to 30 s.", "AskTimeout must be from 5 ms to 1 s.", "No IConnectionMultiplexer is registered with the ServiceKey 'cache'."], fault.Failures);
    }

    [Fact]
    public async Task StartOfTheHost_WaitsForTheFirstRead()
    {
        using IHost host = Build(services => services.AddAzureOpenAIRoundRobinRedis(options => (options.ConnectionString, options.StartWait) = (server.Garnet.Address, TimeSpan.FromSeconds(30))));
        await host.StartAsync(Cancellation);

        Assert.True(host.Services.GetRequiredService<RedisBackplane>().FirstRead.IsCompletedSuccessfully);
        await host.StopAsync(Cancellation);
    }

    [Fact]
    public Task SharingSwitchedOff_OpensNoConnection() =>
        AskWithoutConnectionAsync(static options => (options.ShareFaults, options.ShareLimits, options.StartWait) = (false, false, TimeSpan.FromSeconds(30)), hasPool: true);

    [Fact]
    public Task RoundRobinSwitchedOff_OpensNoConnection() => AskWithoutConnectionAsync(static options => options.StartWait = TimeSpan.FromSeconds(30), hasPool: false);

    /// <summary>Whichever registration it is that has a pool.</summary>
    [Theory]
    [InlineData("chat")]
    [InlineData("keyed")]
    [InlineData("embeddings")]
    [InlineData("keyed embeddings")]
    public async Task OnePoolOfSeveralRegistrations_IsEnough(string which)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        IServiceCollection services = builder.Services;
        services.AddAzureOpenAIRoundRobin(options => Configure(options, which == "chat"));
        services.AddKeyedAzureOpenAIRoundRobin("mini", options => Configure(options, which == "keyed"));
        services.AddAzureOpenAIRoundRobinEmbeddingGenerator(options => Configure(options, which == "embeddings"));
        services.AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator("large", options => Configure(options, which == "keyed embeddings"));
        services.AddAzureOpenAIRoundRobinRedis(options => (options.ConnectionString, options.StartWait) = (server.Garnet.Address, TimeSpan.FromSeconds(30)));
        using IHost host = builder.Build();
        await host.StartAsync(Cancellation);

        Assert.True(host.Services.GetRequiredService<RedisBackplane>().FirstRead.IsCompletedSuccessfully);
        await host.StopAsync(Cancellation);

        void Configure(RoundRobinOptions options, bool isEnabled)
        {
            options.Enabled = isEnabled;
            AddEndpoints(options, isEnabled ? 3 : 1);
        }
    }

    [Fact]
    public void Twice_IsAsOnce_AndAnotherBackplaneStays()
    {
        using IHost twice = Build(static services => services.AddAzureOpenAIRoundRobinRedis().AddAzureOpenAIRoundRobinRedis());
        Assert.Single(twice.Services.GetServices<IPoolBackplane>());
        Assert.Single(twice.Services.GetServices<IHostedService>(), static service => service.GetType().Namespace!.StartsWith("AzureOpenAI", StringComparison.Ordinal));

        Deaf own = new();
        using IHost other = Build(services => services.AddSingleton<IPoolBackplane>(own).AddAzureOpenAIRoundRobinRedis());
        Assert.Same(own, other.Services.GetRequiredService<IPoolBackplane>());
    }

    [Fact]
    public async Task Gauge_SaysWhetherItIsConnected()
    {
        using IHost host = Build(services => services.AddAzureOpenAIRoundRobinRedis(options => (options.ConnectionString, options.StartWait) = (server.Garnet.Address, TimeSpan.FromSeconds(30))));
        using MetricCollector<int> gauge = new(host.Services.GetRequiredService<IMeterFactory>(), "AzureOpenAI.RoundRobin", "azure_openai.round_robin.backplane.connected");
        using IHost away = Build(static services => services.AddAzureOpenAIRoundRobinRedis(static options => options.ConnectionString = "127.0.0.1:1,connectTimeout=200"));
        using MetricCollector<int> none = new(away.Services.GetRequiredService<IMeterFactory>(), "AzureOpenAI.RoundRobin", "azure_openai.round_robin.backplane.connected");
        await host.StartAsync(Cancellation);
        await away.StartAsync(Cancellation);
        await Eventually.TrueAsync(() => Logged(2).Length > 0);
        gauge.RecordObservableInstruments();
        none.RecordObservableInstruments();

        Assert.Equal((1, 0), (gauge.LastMeasurement!.Value, none.LastMeasurement!.Value));
        await host.StopAsync(Cancellation);
        await away.StopAsync(Cancellation);
    }

    private async Task RunAsync(IHost host, Func<Task>? meanwhile = null)
    {
        await host.StartAsync(Cancellation);
        await host.Services.GetRequiredService<RedisBackplane>().FirstRead.WaitAsync(TimeSpan.FromSeconds(60), Cancellation);
        await AskAsync(host);
        await (meanwhile?.Invoke() ?? Task.CompletedTask);
        await host.StopAsync(Cancellation);
        await ((IAsyncDisposable)host).DisposeAsync();
        Assert.Single(Logged(1));
    }

    private async Task AskWithoutConnectionAsync(Action<RoundRobinRedisOptions> configure, bool hasPool)
    {
        bool isAsked = false;
        using IHost host = Build(
            services =>
            {
                services.AddSingleton<IConnectionMultiplexer>(_ =>
                {
                    isAsked = true;
                    throw new InvalidOperationException();
                });
                services.AddAzureOpenAIRoundRobinRedis(configure);
            },
            hasPool ? Instance.Hosts.Length : 0, ("USE_AZURE_OPENAI_ROUND_ROBIN", hasPool ? "true" : "false"), ("AZURE_OPENAI_ENDPOINT", "https://east.openai.azure.com"), ("AZURE_OPENAI_API_KEY", "a-key"));
        await host.StartAsync(Cancellation);
        _service.On = request => hasPool ? Fleet.Throttled(request, "east") : null;
        await AskAsync(host);
        await AskAsync(host);
        await host.StopAsync(Cancellation);

        Assert.False(isAsked);
        Assert.Empty(Logged(2));
        Assert.Equal(hasPool, host.Services.GetService<EndpointPool>() is not null);
    }

    private string[] Logged(int id) => [.. _logs.GetSnapshot().Where(record => record.Category == BackplaneReport.Category && record.Id.Id == id).Select(static record => record.Message)];

    private static async Task AskAsync(IHost host) => await host.Services.GetRequiredService<IChatClient>().GetResponseAsync("hi", cancellationToken: Cancellation);

    private async Task<string[]> ClientsAsync(string name)
    {
        string clients = (string)(await server.Garnet.ExecuteAsync("CLIENT", "LIST"))!;
        return [.. clients.Split('\n').Where(client => client.Contains($"name={name}", StringComparison.Ordinal))];
    }

    private IHost Build(Action<IServiceCollection> configure, params (string Name, string Value)[] settings) =>
        Build(configure, Instance.Hosts.Length, settings);

    private IHost Build(Action<IServiceCollection> configure, int endpoints, params (string Name, string Value)[] settings)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddInMemoryCollection(settings.Select(static setting => KeyValuePair.Create(setting.Name, (string?)setting.Value)));
        builder.Services.AddMetrics();
        builder.Services.AddLogging(logging => logging.AddProvider(new FakeLoggerProvider(_logs)));
        builder.Services.AddAzureOpenAIRoundRobin(options => AddEndpoints(options, endpoints));
        configure(builder.Services);
        return builder.Build();
    }

    private void AddEndpoints(RoundRobinOptions options, int count)
    {
        options.DeploymentName = "gpt";
        options.HttpClient = new HttpClient(_service, disposeHandler: false);
        foreach (string name in Instance.Hosts[..count])
        {
            options.Endpoints.Add(new EndpointOptions { Name = name, Endpoint = new Uri($"https://{name}.openai.azure.com"), ApiKey = Instance.KeyOf(name) });
        }
    }

    private sealed class Deaf : IPoolBackplane
    {
        public void Publish(in PoolFact fact)
        {
        }

        public IDisposable Subscribe(Action<PoolFact> heard) => new MemoryStream();
    }
}
