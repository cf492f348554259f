using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace AzureOpenAI.RoundRobin.Tests.DependencyInjection;

/// <summary>A registered pool follows its options and the configuration.</summary>
public sealed class ReloadTests : IDisposable
{
    private const string Variable = "AZURE_OPENAI_ROUND_ROBIN_CONNECTION";

    private readonly FakeService _service = new();
    private readonly HttpClient _transport;
    private readonly FakeLogCollector _logs = new();
    private readonly IConfigurationRoot _configuration;

    public ReloadTests()
    {
        _transport = new HttpClient(_service, disposeHandler: false);
        _configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["USE_AZURE_OPENAI_ROUND_ROBIN"] = "true",
            [Variable] = Connection("one", "two"),
            ["AZURE_OPENAI_DEPLOYMENT"] = "base",
        }).Build();
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EndpointsInTheVariable_AreFollowed()
    {
        await using ServiceProvider provider = Build(services => services.AddAzureOpenAIRoundRobin(Over));
        IChatClient client = provider.GetRequiredService<IChatClient>();
        await client.GetResponseAsync("hi", cancellationToken: Token);

        Reload(Variable, Connection("two", "three"));

        Assert.Equal(["two", "three"], provider.GetRequiredService<EndpointPool>().GetStatus().Select(status => status.Name));
        Assert.Equal(["three", "two"], new[] { (await client.GetResponseAsync("hi", cancellationToken: Token)).Text, (await client.GetResponseAsync("hi", cancellationToken: Token)).Text }.Order());
        Assert.Single(_logs.GetSnapshot(), record => record.Id.Id == 9);
    }

    [Fact]
    public async Task ANewKey_IsTakenOverInPlace()
    {
        await using ServiceProvider provider = Build(services => services.AddAzureOpenAIRoundRobin(Over));
        IChatClient client = provider.GetRequiredService<IChatClient>();
        _service.On = request => request.Host == "one" ? FakeService.Refusal(429, ("retry-after-ms", "200000")) : null;
        await client.GetResponseAsync("hi", cancellationToken: Token);
        await client.GetResponseAsync("hi", cancellationToken: Token);

        Reload(Variable, Connection("one", "two").Replace("secret-key-of", "another-key-of", StringComparison.Ordinal));
        await client.GetResponseAsync("hi", cancellationToken: Token);

        Assert.Equal("another-key-of-two-0123456789", _service.Requests[^1].Header("api-key"));
        Assert.Equal((EndpointState.Unavailable, 1), (provider.GetRequiredService<EndpointPool>().GetStatus()[0].State, provider.GetRequiredService<EndpointPool>().GetStatus()[0].RateLimited));
    }

    [Fact]
    public async Task AnUpdateByHand_WithoutEndpoints_StillTakesThoseOfTheSection()
    {
        IConfigurationRoot others = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Chat:0:AZURE_OPENAI_ENDPOINT"] = "https://three.openai.azure.com",
            ["Chat:0:AZURE_OPENAI_API_KEY"] = "secret-key-of-three-0123456789",
        }).Build();
        await using ServiceProvider provider = Build(services => services.AddAzureOpenAIRoundRobin(others.GetSection("Chat"), Over));
        EndpointPool pool = provider.GetRequiredService<EndpointPool>();
        RoundRobinOptions options = new() { MaxAttempts = 2 };
        Over(options);

        pool.Update(options);

        Assert.Equal(["three"], pool.GetStatus().Select(status => status.Name));
    }

    [Fact]
    public async Task ASection_OfAnotherConfiguration_IsFollowed()
    {
        IConfigurationRoot others = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Chat:0:AZURE_OPENAI_ENDPOINT"] = "https://three.openai.azure.com",
            ["Chat:0:AZURE_OPENAI_API_KEY"] = "secret-key-of-three-0123456789",
            ["Chat:0:weight"] = "1",
        }).Build();
        await using ServiceProvider provider = Build(services => services.AddKeyedAzureOpenAIRoundRobin("docs", others.GetSection("Chat"), Over));
        EndpointPool pool = provider.GetRequiredKeyedService<EndpointPool>("docs");

        others["Chat:0:weight"] = "7";
        others["Chat:1:AZURE_OPENAI_ENDPOINT"] = "https://four.openai.azure.com";
        others["Chat:1:AZURE_OPENAI_API_KEY"] = "secret-key-of-four-0123456789";
        others.Reload();

        Assert.Equal(["three", "four"], pool.GetStatus().Select(status => status.Name));
        Assert.Equal([7, 1], pool.Endpoints.Select(endpoint => endpoint.Weight));
    }

    [Fact]
    public async Task OptionsInASection_AreFollowed_AndAWrongOneIsRefusedWhole()
    {
        _configuration["Chat:MaxWait"] = "00:00:01";
        _configuration["Chat:Endpoints:three:Endpoint"] = "https://three.openai.azure.com";
        _configuration["Chat:Endpoints:three:ApiKey"] = "secret-key-of-three-0123456789";
        await using ServiceProvider provider = Build(services => services.AddKeyedAzureOpenAIRoundRobin("docs", _configuration.GetSection("Chat"), Over));
        EndpointPool pool = provider.GetRequiredKeyedService<EndpointPool>("docs");

        Reload("Chat:MaxWait", "00:00:02");
        Assert.Equal(TimeSpan.FromSeconds(2), pool.Settings.MaxWait);
        _configuration["Chat:Endpoints:three:Weight"] = "3";
        Reload("Chat:MaxWait", "soon");

        Assert.Equal((TimeSpan.FromSeconds(2), 1), (pool.Settings.MaxWait, pool.Endpoints[0].Weight));
        FakeLogRecord refused = Assert.Single(_logs.GetSnapshot(), static record => record.Id.Id == 10);
        Assert.Contains("The configuration section 'Chat': MaxWait is not a time;", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OptionsInCode_AreFollowed()
    {
        Signal signal = new();
        TimeSpan wait = TimeSpan.FromSeconds(1);
        await using ServiceProvider provider = Build(services =>
        {
            services.AddSingleton<IOptionsChangeTokenSource<RoundRobinOptions>>(signal);
            services.AddAzureOpenAIRoundRobin(options =>
            {
                Over(options);
                options.MaxWait = wait;
            });
        });
        EndpointPool pool = provider.GetRequiredService<EndpointPool>();

        wait = TimeSpan.FromSeconds(2);
        signal.Fire();

        Assert.Equal(wait, pool.Settings.MaxWait);
    }

    [Fact]
    public async Task Embeddings_AreFollowedToo()
    {
        await using ServiceProvider provider = Build(services =>
        {
            services.AddAzureOpenAIRoundRobinEmbeddingGenerator(Embedding);
            services.AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator("docs", Embedding);
        });
        EndpointPool[] pools =
        [
            provider.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>().GetRequiredService<EndpointPool>(),
            provider.GetRequiredKeyedService<IEmbeddingGenerator<string, Embedding<float>>>("docs").GetRequiredService<EndpointPool>(),
        ];

        Reload(Variable, Connection("three"));

        Assert.All(pools, pool => Assert.Equal(("three", "small"), (Assert.Single(pool.GetStatus()).Name, pool.GetStatus()[0].DeploymentName)));
        await provider.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>().GenerateAsync(["a"], cancellationToken: Token);
        Assert.Equal("three", _service.Requests[^1].Host);

        void Embedding(RoundRobinOptions options)
        {
            Over(options);
            options.DeploymentName = "small";
        }
    }

    [Fact]
    public async Task InvalidConfiguration_IsRefusedWholeAndLogged_AndTheNextOneIsTaken()
    {
        await using ServiceProvider provider = Build(services => services.AddAzureOpenAIRoundRobin(Over));
        EndpointPool pool = provider.GetRequiredService<EndpointPool>();

        Reload(Variable, $$"""[{"AZURE_OPENAI_ENDPOINT":"https://three.openai.azure.com","AZURE_OPENAI_API_KEY":"secret-key-of-three-0123456789"},{"AZURE_OPENAI_ENDPOINT":"nowhere","AZURE_OPENAI_API_KEY":"secret-key-of-four-0123456789"}]""");

        Assert.Equal(["one", "two"], pool.GetStatus().Select(status => status.Name));
        FakeLogRecord refused = Assert.Single(_logs.GetSnapshot(), record => record.Id.Id == 10);
        Assert.Equal(LogLevel.Error, refused.Level);
        Assert.Contains("Endpoint 2", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-key", $"{refused.Message} {refused.Exception}", StringComparison.Ordinal);
        Assert.NotEmpty((await provider.GetRequiredService<IChatClient>().GetResponseAsync("hi", cancellationToken: Token)).Text);

        Reload(Variable, Connection("three"));
        Assert.Equal("three", Assert.Single(pool.GetStatus()).Name);
    }

    [Fact]
    public async Task CodeThatThrows_WhenTheConfigurationChanges_IsLoggedAndEndsNothing()
    {
        await using ServiceProvider provider = Build(services => services.AddAzureOpenAIRoundRobin(options =>
        {
            Over(options);
            options.MaxWait = TimeSpan.Parse(_configuration["wait"] ?? "00:00:01", System.Globalization.CultureInfo.InvariantCulture);
        }));
        EndpointPool pool = provider.GetRequiredService<EndpointPool>();

        Reload("wait", "a moment");

        Assert.IsType<FormatException>(Assert.Single(_logs.GetSnapshot(), record => record.Id.Id == 10).Exception);
        Assert.Equal(TimeSpan.FromSeconds(1), pool.Settings.MaxWait);
        Reload("wait", "00:00:03");
        Assert.Equal(TimeSpan.FromSeconds(3), pool.Settings.MaxWait);
    }

    [Fact]
    public async Task CodeThatMeetsSomethingDisposed_IsLogged_SinceThePoolIsNot()
    {
        await using ServiceProvider provider = Build(services => services.AddAzureOpenAIRoundRobin(options =>
        {
            Over(options);
            ObjectDisposedException.ThrowIf(_configuration["gone"] is not null, this);
        }));
        _ = provider.GetRequiredService<EndpointPool>();

        Reload("gone", "yes");

        Assert.IsType<ObjectDisposedException>(Assert.Single(_logs.GetSnapshot(), record => record.Id.Id == 10).Exception);
    }

    [Fact]
    public void CodeThatThrows_AtTheStart_IsThrown()
    {
        using ServiceProvider provider = Build(services => services.AddAzureOpenAIRoundRobin(_ => throw new FormatException("mine")));

        Assert.Equal("mine", Assert.Throws<FormatException>(provider.GetRequiredService<IChatClient>).Message);
    }

    [Fact]
    public async Task TheSwitch_IsReadAtTheStartOnly()
    {
        await using ServiceProvider provider = Build(services => services.AddAzureOpenAIRoundRobin(Over));
        EndpointPool pool = provider.GetRequiredService<EndpointPool>();
        _configuration["USE_AZURE_OPENAI_ROUND_ROBIN"] = "off";

        Reload(Variable, Connection("three"));
        Reload(Variable, Connection("four"));

        Assert.Equal("four", Assert.Single(pool.GetStatus()).Name);
        Assert.Single(_logs.GetSnapshot(), record => record.Id.Id == 7 && record.Message.Contains("stays on", StringComparison.Ordinal));

        Reload("USE_AZURE_OPENAI_ROUND_ROBIN", "perhaps");
        Assert.Contains("USE_AZURE_OPENAI_ROUND_ROBIN", Assert.Single(_logs.GetSnapshot(), record => record.Id.Id == 10).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ASingleEndpoint_StaysAsItWasAtTheStart()
    {
        _configuration["USE_AZURE_OPENAI_ROUND_ROBIN"] = "false";
        _configuration["AZURE_OPENAI_ENDPOINT"] = "https://single.openai.azure.com";
        _configuration["AZURE_OPENAI_API_KEY"] = "secret-key-of-single-0123456789";
        await using ServiceProvider provider = Build(services => services.AddAzureOpenAIRoundRobin(Over));
        IChatClient client = provider.GetRequiredService<IChatClient>();

        Reload("USE_AZURE_OPENAI_ROUND_ROBIN", "true");

        Assert.Equal("single", (await client.GetResponseAsync("hi", cancellationToken: Token)).Text);
    }

    [Fact]
    public async Task Warnings_AreLoggedOnce()
    {
        _configuration[Variable] = Connection("one").Replace("\"azure_deployment\"", "\"colour\":\"blue\",\"azure_deployment\"", StringComparison.Ordinal);
        await using ServiceProvider provider = Build(services => services.AddAzureOpenAIRoundRobin(Over));
        _ = provider.GetRequiredService<EndpointPool>();

        _configuration.Reload();
        _configuration.Reload();

        Assert.Single(_logs.GetSnapshot(), record => record.Id.Id == 7 && record.Message.Contains("colour", StringComparison.Ordinal));
    }

    [Fact]
    public async Task ANamedHttpClient_IsKept()
    {
        await using ServiceProvider provider = Build(services =>
        {
            services.AddHttpClient("azure").ConfigurePrimaryHttpMessageHandler(() => _service);
            services.AddAzureOpenAIRoundRobin(options => options.HttpClientName = "azure");
        });
        EndpointPool pool = provider.GetRequiredService<EndpointPool>();
        HttpClient? before = pool.Settings.HttpClient;

        Reload(Variable, Connection("two", "three"));

        Assert.NotNull(before);
        Assert.Same(before, pool.Settings.HttpClient);
        Assert.Equal("joined: 'three'; left: 'one'; changed: none.", Assert.Single(_logs.GetSnapshot(), record => record.Id.Id == 9).Message.Split("that ")[1]);
    }

    [Fact]
    public async Task ADisposedPool_FollowsNothing()
    {
        ServiceProvider provider = Build(services => services.AddAzureOpenAIRoundRobin(Over));
        _ = provider.GetRequiredService<EndpointPool>();
        await provider.DisposeAsync();

        Reload(Variable, "[]");

        Assert.DoesNotContain(_logs.GetSnapshot(), record => record.Id.Id is 9 or 10);
    }

    [Fact]
    public async Task AHost_StartsOnlyWithAConfigurationThatHolds()
    {
        _configuration[Variable] = "[]";
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton<IConfiguration>(_configuration);
        builder.Services.AddAzureOpenAIRoundRobin(Over);
        using IHost host = builder.Build();

        await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Token));
    }

    public void Dispose()
    {
        _transport.Dispose();
        _service.Dispose();
    }

    private static string Connection(params string[] hosts) => $"[{string.Join(',', hosts.Select(host =>
        $$"""{"AZURE_OPENAI_ENDPOINT":"https://{{host}}.openai.azure.com","AZURE_OPENAI_API_KEY":"secret-key-of-{{host}}-0123456789","azure_deployment":"gpt-4o"}"""))}]";

    private void Over(RoundRobinOptions options) => options.HttpClient = _transport;

    private void Reload(string name, string value)
    {
        _configuration[name] = value;
        _configuration.Reload();
    }

    private ServiceProvider Build(Action<IServiceCollection> register)
    {
        ServiceCollection services = [];
        services.AddSingleton<IConfiguration>(_configuration);
        services.AddLogging(logging => logging.AddProvider(new FakeLoggerProvider(_logs)));
        register(services);
        return services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
    }

    /// <summary>Says that the options have changed, for the base registration.</summary>
    private sealed class Signal : IOptionsChangeTokenSource<RoundRobinOptions>
    {
        private ConfigurationReloadToken _token = new();

        public string Name => Options.DefaultName;

        public IChangeToken GetChangeToken() => _token;

        public void Fire() => Interlocked.Exchange(ref _token, new()).OnReload();
    }
}
