using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests.DependencyInjection;

public class EmbeddingRegistrationTests
{
    private const string Connection = """
        [{"AZURE_OPENAI_ENDPOINT":"https://one.openai.azure.com","AZURE_OPENAI_API_KEY":"secret-key-of-one-0123456789","azure_deployment":"gpt-4o"},
         {"AZURE_OPENAI_ENDPOINT":"https://two.openai.azure.com","AZURE_OPENAI_API_KEY":"secret-key-of-two-0123456789","azure_deployment":"gpt-4o"}]
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Add_BesideAChatClient_ReadsTheSameVariablesAndItsOwnDeployment()
    {
        using FakeService service = new();
        await using ServiceProvider provider = Build(On(), services =>
        {
            services.AddAzureOpenAIRoundRobin(Over(service));
            services.AddAzureOpenAIRoundRobinEmbeddingGenerator(Over(service));
        });
        IEmbeddingGenerator<string, Embedding<float>> generator = provider.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>();

        await generator.GenerateAsync(["a"], cancellationToken: Token);
        await generator.GenerateAsync(["a"], cancellationToken: Token);
        await provider.GetRequiredService<IChatClient>().GetResponseAsync("hi", cancellationToken: Token);

        Assert.Equal(["small", "small", "gpt-4o"], service.Requests.Select(request => request.Deployment));
        Assert.Equal(["one", "two"], service.Requests[..2].Select(request => request.Host).Order());
        EndpointPool pool = generator.GetRequiredService<EndpointPool>();
        Assert.NotSame(provider.GetRequiredService<EndpointPool>(), pool);
        Assert.Equal(2, pool.GetStatus().Sum(status => status.Answered));
        Assert.Equal(1, provider.GetRequiredService<EndpointPool>().GetStatus().Sum(status => status.Answered));
        Assert.Same(generator, provider.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>());
    }

    [Fact]
    public async Task Add_Alone_RegistersNoChatClientsPool()
    {
        using FakeService service = new();
        ServiceProvider provider = Build(On(), services => services.AddAzureOpenAIRoundRobinEmbeddingGenerator(Over(service)));
        IEmbeddingGenerator<string, Embedding<float>> generator = provider.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>();

        Assert.Null(provider.GetService<EndpointPool>());
        Assert.Null(provider.GetService<IChatClient>());
        await provider.DisposeAsync();

        // The container owns the pool, though it is nobody's to resolve.
        await Assert.ThrowsAsync<ObjectDisposedException>(() => generator.GenerateAsync(["a"], cancellationToken: Token));
    }

    [Fact]
    public async Task AddKeyed_WithTheKeyOfAChatClient_SharesNothingWithIt()
    {
        using FakeService service = new();
        await using ServiceProvider provider = Build(On(), services =>
        {
            services.AddKeyedAzureOpenAIRoundRobin("docs", options =>
            {
                Over(service)(options);
                options.DeploymentName = "gpt-4.1";
            });
            services.AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator("docs", options =>
            {
                Over(service)(options);
                options.DeploymentName = "large";
            });
            services.AddAzureOpenAIRoundRobinEmbeddingGenerator(Over(service));
        });

        await provider.GetRequiredKeyedService<IChatClient>("docs").GetResponseAsync("hi", cancellationToken: Token);
        await provider.GetRequiredKeyedService<IEmbeddingGenerator<string, Embedding<float>>>("docs").GenerateAsync(["a"], cancellationToken: Token);
        await provider.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>().GenerateAsync(["a"], cancellationToken: Token);

        Assert.Equal(["gpt-4.1", "large", "small"], service.Requests.Select(request => request.Deployment));
        Assert.All(
            [
                provider.GetRequiredKeyedService<EndpointPool>("docs"),
                provider.GetRequiredKeyedService<IEmbeddingGenerator<string, Embedding<float>>>("docs").GetRequiredService<EndpointPool>(),
                provider.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>().GetRequiredService<EndpointPool>(),
            ],
            pool => Assert.Equal(1, pool.GetStatus().Sum(status => status.Answered)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Add_WithASection_ReadsItsEndpointsAndIsOn(bool keyed)
    {
        Dictionary<string, string?> values = new()
        {
            ["Vectors:0:AZURE_OPENAI_ENDPOINT"] = "https://three.openai.azure.com/openai/v1",
            ["Vectors:0:AZURE_OPENAI_API_KEY"] = "secret-key-of-three-0123456789",
            ["Vectors:0:azure_deployment"] = "own",
        };
        using FakeService service = new();
        IConfigurationSection section = new ConfigurationBuilder().AddInMemoryCollection(values).Build().GetSection("Vectors");
        await using ServiceProvider provider = Build(values, services => _ = keyed
            ? services.AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator("key", section, Over(service))
            : services.AddAzureOpenAIRoundRobinEmbeddingGenerator(section, Over(service)));

        await Generator(provider, keyed).GenerateAsync(["a"], cancellationToken: Token);

        FakeService.Request request = Assert.Single(service.Requests);
        Assert.Equal(("three", "own"), (request.Host, request.Model));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheBuilder_GoesOn(bool keyed)
    {
        using FakeService service = new();
        await using ServiceProvider provider = Build(On(), services => _ = keyed
            ? services.AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator("key", Over(service)).ConfigureOptions(options => options.Dimensions = 7).UseOpenTelemetry()
            : services.AddAzureOpenAIRoundRobinEmbeddingGenerator(Over(service)).ConfigureOptions(options => options.Dimensions = 7).UseOpenTelemetry());
        IEmbeddingGenerator<string, Embedding<float>> generator = Generator(provider, keyed);

        await generator.GenerateAsync(["a", "b"], cancellationToken: Token);

        Assert.Equal(7, (int)Assert.Single(service.Requests).Body["dimensions"]!);
        Assert.NotNull(generator.GetService<RoundRobinEmbeddingGenerator>());
        Assert.Equal("azure.ai.openai", generator.GetService<EmbeddingGeneratorMetadata>()!.ProviderName);
    }

    [Fact]
    public async Task Add_Twice_AddsNoEndpointAndNoPoolTwice()
    {
        using FakeService service = new();
        int configured = 0;
        await using ServiceProvider provider = Build(On(), services =>
        {
            for (int i = 0; i < 2; i++)
            {
                services.AddAzureOpenAIRoundRobinEmbeddingGenerator(options =>
                {
                    Over(service)(options);
                    configured++;
                });
            }
        });

        IEmbeddingGenerator<string, Embedding<float>>[] generators = [.. provider.GetServices<IEmbeddingGenerator<string, Embedding<float>>>()];

        Assert.Same(generators[0].GetService<EndpointPool>(), generators[1].GetService<EndpointPool>());
        Assert.Equal(2, generators[0].GetRequiredService<EndpointPool>().Count);
        Assert.Equal(2, configured);
    }

    [Theory]
    [InlineData("", "single", "small", "small")]
    [InlineData("", "single", "small", "large", "large")]
    [InlineData("/openai/v1", "single", "small", "small", "large")]
    public async Task Off_IsTheSdksOwnGeneratorOverTheOneEndpoint(string path, string host, string deployment, string model, string? asked = null)
    {
        using FakeService service = new();
        Dictionary<string, string?> values = Off();
        values["AZURE_OPENAI_ENDPOINT"] += path;
        await using ServiceProvider provider = Build(values, services => services.AddAzureOpenAIRoundRobinEmbeddingGenerator(Over(service)));
        IEmbeddingGenerator<string, Embedding<float>> generator = Generator(provider, keyed: false);

        await generator.GenerateAsync(["a"], asked is null ? null : new() { ModelId = asked }, Token);

        FakeService.Request request = Assert.Single(service.Requests);
        Assert.Equal((host, deployment, model), (request.Host, request.Deployment, request.Model));
        Assert.Null(generator.GetService<EndpointPool>());
        Assert.NotNull(generator.GetService<OpenAI.Embeddings.EmbeddingClient>());
    }

    [Fact]
    public async Task Off_WithTheConnectionSet_SaysSoOnce()
    {
        Dictionary<string, string?> values = On();
        values.Remove("USE_AZURE_OPENAI_ROUND_ROBIN");
        foreach ((string name, string? value) in Off())
        {
            values.TryAdd(name, value);
        }

        values.Remove("USE_AZURE_OPENAI_ROUND_ROBIN");
        await using ServiceProvider provider = Build(values, services => services.AddFakeLogging().AddAzureOpenAIRoundRobinEmbeddingGenerator());

        Assert.Null(Generator(provider, keyed: false).GetService<EndpointPool>());

        FakeLogRecord record = Assert.Single(provider.GetFakeLogCollector().GetSnapshot(), record => record.Level == LogLevel.Warning);
        Assert.Contains("USE_AZURE_OPENAI_ROUND_ROBIN", record.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Faults_OfAChatClientAndAGenerator_StopTheHostAndSayWhoseTheyAre()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        Dictionary<string, string?> values = On();
        values["AZURE_OPENAI_ROUND_ROBIN_CONNECTION"] = """[{"AZURE_OPENAI_API_KEY":"secret-key-of-one-0123456789"}]""";
        builder.Configuration.AddInMemoryCollection(values);
        builder.Services.AddAzureOpenAIRoundRobin();
        builder.Services.AddAzureOpenAIRoundRobinEmbeddingGenerator();
        builder.Services.AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator("docs");
        using IHost host = builder.Build();

        AggregateException failure = await Assert.ThrowsAsync<AggregateException>(() => host.StartAsync(Token));

        string[] faults = [.. failure.InnerExceptions.SelectMany(inner => Assert.IsType<OptionsValidationException>(inner).Failures).Order()];
        Assert.Equal(3, faults.Length);
        Assert.StartsWith("Embeddings: Endpoint 1: AZURE_OPENAI_ENDPOINT is missing", faults[0], StringComparison.Ordinal);
        Assert.StartsWith("Endpoint 1: ", faults[1], StringComparison.Ordinal);
        Assert.StartsWith("Registration 'docs' (embeddings): Endpoint 1: ", faults[2], StringComparison.Ordinal);
        Assert.DoesNotContain("secret", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AChatClient_ThatIsReadyMade_IsAFault(bool enabled)
    {
        await using ServiceProvider provider = Build([], services => services.AddAzureOpenAIRoundRobinEmbeddingGenerator(options =>
        {
            options.Enabled = enabled;
            options.Endpoints.Add(new EndpointOptions { Name = "ready", ChatClient = new FakeChatClient() });
        }));

        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(() => Generator(provider, keyed: false));

        Assert.StartsWith("Embeddings: Endpoint 1 ('ready'): a ready-made ChatClient makes no embeddings", Assert.Single(fault.Failures), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AGenerator_ThatIsReadyMade_IsUsedAndLeftOpen(bool enabled)
    {
        using FakeEmbeddingGenerator ready = new("ready");
        EmbeddingGenerationOptions? seen = null;
        ready.OnCall = (values, given, _) =>
        {
            seen = given;
            return Task.FromResult(FakeEmbeddingGenerator.Answer("ready", values));
        };
        await using (ServiceProvider provider = Build([], services => services.AddAzureOpenAIRoundRobinEmbeddingGenerator(options =>
        {
            options.Enabled = enabled;
            options.Endpoints.Add(new EndpointOptions { EmbeddingGenerator = ready, DeploymentName = "small", Deployments = { ["large"] = "large-prod" } });
        })))
        {
            GeneratedEmbeddings<Embedding<float>> answer = await Generator(provider, keyed: false).GenerateAsync(["x"], new EmbeddingGenerationOptions { ModelId = "large" }, TestContext.Current.CancellationToken);
            Assert.Equal(("ready", "large-prod"), (answer[0].ModelId, seen?.ModelId));
            await Generator(provider, keyed: false).GenerateAsync(["x"], new EmbeddingGenerationOptions { ModelId = "other" }, TestContext.Current.CancellationToken);
            Assert.Equal("other", seen?.ModelId);
        }

        Assert.Equal(0, ready.Disposals);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AGenerator_ThatIsReadyMade_IsAFaultOfAChatClient(bool enabled)
    {
        await using ServiceProvider provider = Build([], services => services.AddAzureOpenAIRoundRobin(options =>
        {
            options.Enabled = enabled;
            options.Endpoints.Add(new EndpointOptions { Name = "ready", EmbeddingGenerator = new FakeEmbeddingGenerator() });
        }));

        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IChatClient>());

        Assert.StartsWith("Endpoint 1 ('ready'): a ready-made EmbeddingGenerator does not chat", Assert.Single(fault.Failures), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ADeployment_ThatOnlyTheChatVariableNames_IsAFault()
    {
        Dictionary<string, string?> values = Off();
        values.Remove("AZURE_OPENAI_EMBEDDING_DEPLOYMENT");
        await using ServiceProvider provider = Build(values, services => services.AddAzureOpenAIRoundRobinEmbeddingGenerator());

        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(() => Generator(provider, keyed: false));

        Assert.Contains("no deployment is named", Assert.Single(fault.Failures), StringComparison.Ordinal);
        Assert.Contains("AZURE_OPENAI_EMBEDDING_DEPLOYMENT", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Arguments_ThatAreMissing_Throw()
    {
        ServiceCollection services = [];
        IConfiguration section = new ConfigurationBuilder().Build();

        Assert.Throws<ArgumentNullException>("services", () => ((IServiceCollection)null!).AddAzureOpenAIRoundRobinEmbeddingGenerator());
        Assert.Throws<ArgumentNullException>("section", () => services.AddAzureOpenAIRoundRobinEmbeddingGenerator((IConfiguration)null!));
        Assert.Throws<ArgumentNullException>("serviceKey", () => services.AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator(null!));
        Assert.Throws<ArgumentNullException>("section", () => services.AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator("key", (IConfiguration)null!));
        Assert.Throws<ArgumentException>("serviceKey", () => services.AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator(""));
        Assert.Throws<ArgumentException>("serviceKey", () => services.AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator("", section));
        Assert.Empty(services);
    }

    private static IEmbeddingGenerator<string, Embedding<float>> Generator(ServiceProvider provider, bool keyed) => keyed
        ? provider.GetRequiredKeyedService<IEmbeddingGenerator<string, Embedding<float>>>("key")
        : provider.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>();

    private static Dictionary<string, string?> On() => new()
    {
        ["USE_AZURE_OPENAI_ROUND_ROBIN"] = "true",
        ["AZURE_OPENAI_ROUND_ROBIN_CONNECTION"] = Connection,
        ["AZURE_OPENAI_DEPLOYMENT"] = "base",
        ["AZURE_OPENAI_EMBEDDING_DEPLOYMENT"] = "small",
    };

    private static Dictionary<string, string?> Off() => new()
    {
        ["USE_AZURE_OPENAI_ROUND_ROBIN"] = "false",
        ["AZURE_OPENAI_ENDPOINT"] = "https://single.openai.azure.com",
        ["AZURE_OPENAI_API_KEY"] = "secret-key-of-single-0123456789",
        ["AZURE_OPENAI_DEPLOYMENT"] = "base",
        ["AZURE_OPENAI_EMBEDDING_DEPLOYMENT"] = "small",
    };

    private static Action<RoundRobinOptions> Over(FakeService service) => options => options.HttpClient = new HttpClient(service, disposeHandler: false);

    private static ServiceProvider Build(Dictionary<string, string?> configuration, Action<IServiceCollection> register)
    {
        ServiceCollection services = [];
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(configuration).Build());
        register(services);
        return services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
    }
}
