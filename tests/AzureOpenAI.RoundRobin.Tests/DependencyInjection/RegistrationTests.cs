using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests.DependencyInjection;

public class RegistrationTests
{
    private const string Connection = """
        [{"AZURE_OPENAI_ENDPOINT":"https://one.openai.azure.com","AZURE_OPENAI_API_KEY":"secret-key-of-one-0123456789"},
         {"AZURE_OPENAI_ENDPOINT":"https://two.openai.azure.com","AZURE_OPENAI_API_KEY":"secret-key-of-two-0123456789"}]
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Add_WithTheVariablesInConfiguration_IsAPoolOverThem()
    {
        using FakeService service = new();
        await using ServiceProvider provider = Build(On(), services => services.AddAzureOpenAIRoundRobin(Over(service)));
        IChatClient client = provider.GetRequiredService<IChatClient>();

        string[] answers = [(await client.GetResponseAsync("hi", cancellationToken: Token)).Text, (await client.GetResponseAsync("hi", cancellationToken: Token)).Text];

        Assert.Equal(["one", "two"], answers.Order());
        Assert.All(service.Requests, request => Assert.Equal("base", request.Deployment));
        Assert.Same(provider.GetRequiredService<EndpointPool>(), client.GetRequiredService<RoundRobinChatClient>().Pool);
        Assert.Same(client, provider.GetRequiredService<IChatClient>());
    }

    [Fact]
    public async Task Add_WithConfigure_ReadsEndpointsFromCode()
    {
        await using ServiceProvider provider = Build([], services => services.AddAzureOpenAIRoundRobin(options =>
            options.Endpoints.Add(new EndpointOptions { Name = "ready", ChatClient = new FakeChatClient("ready") })));

        Assert.Equal("ready", (await provider.GetRequiredService<IChatClient>().GetResponseAsync("hi", cancellationToken: Token)).Text);
        Assert.Equal(1, provider.GetRequiredService<EndpointPool>().Count);
    }

    [Fact]
    public async Task Add_WithASection_ReadsItsEndpointsAndIsOn()
    {
        Dictionary<string, string?> values = new()
        {
            ["Chat:0:AZURE_OPENAI_ENDPOINT"] = "https://three.openai.azure.com",
            ["Chat:0:AZURE_OPENAI_API_KEY"] = "secret-key-of-three-0123456789",
            ["Chat:0:azure_deployment"] = "own",
        };
        using FakeService service = new();
        IConfigurationRoot configuration = new ConfigurationBuilder().AddInMemoryCollection(values).Build();
        await using ServiceProvider provider = Build(values, services => services.AddAzureOpenAIRoundRobin(configuration.GetSection("Chat"), Over(service)));

        await provider.GetRequiredService<IChatClient>().GetResponseAsync("hi", cancellationToken: Token);

        FakeService.Request request = Assert.Single(service.Requests);
        Assert.Equal(("three", "own"), (request.Host, request.Deployment));
    }

    [Fact]
    public async Task AddKeyed_BesideTheBase_SharesNoStateAndNotItsDefaults()
    {
        using FakeService service = new();
        await using ServiceProvider provider = Build(On(), services =>
        {
            services.AddAzureOpenAIRoundRobin(options =>
            {
                Over(service)(options);
                options.Temperature = 0.5f;
            });
            services.AddKeyedAzureOpenAIRoundRobin("advanced", options =>
            {
                Over(service)(options);
                options.DeploymentName = "gpt-4.1";
            });
        });

        await provider.GetRequiredService<IChatClient>().GetResponseAsync("hi", cancellationToken: Token);
        await provider.GetRequiredKeyedService<IChatClient>("advanced").GetResponseAsync("hi", cancellationToken: Token);

        Assert.Equal(["base", "gpt-4.1"], service.Requests.Select(request => request.Deployment));
        Assert.Equal([0.5f, null], service.Requests.Select(request => (float?)request.Body["temperature"]));
        Assert.NotSame(provider.GetRequiredService<EndpointPool>(), provider.GetRequiredKeyedService<EndpointPool>("advanced"));
        Assert.All(provider.GetRequiredKeyedService<EndpointPool>("advanced").GetStatus(), status => Assert.InRange(status.Answered, 0, 1));
    }

    [Fact]
    public async Task AddKeyed_WithASection_ReadsItsEndpoints()
    {
        Dictionary<string, string?> values = new()
        {
            ["Chat:0:AZURE_OPENAI_ENDPOINT"] = "https://three.openai.azure.com",
            ["Chat:0:AZURE_OPENAI_API_KEY"] = "secret-key-of-three-0123456789",
        };
        using FakeService service = new();
        IConfigurationRoot configuration = new ConfigurationBuilder().AddInMemoryCollection(values).Build();
        await using ServiceProvider provider = Build(values, services => services.AddKeyedAzureOpenAIRoundRobin("other", configuration.GetSection("Chat"), options =>
        {
            Over(service)(options);
            options.DeploymentName = "large";
        }));

        await provider.GetRequiredKeyedService<IChatClient>("other").GetResponseAsync("hi", cancellationToken: Token);

        Assert.Equal("large", Assert.Single(service.Requests).Deployment);
        Assert.Null(provider.GetService<IChatClient>());
        Assert.Null(provider.GetService<EndpointPool>());
    }

    [Fact]
    public async Task TheBuilder_GoesOn()
    {
        using FakeService service = new();
        await using ServiceProvider provider = Build(On(), services =>
        {
            services.AddAzureOpenAIRoundRobin(Over(service)).UseFunctionInvocation().UseOpenTelemetry();
            services.AddKeyedAzureOpenAIRoundRobin("key", Over(service)).UseFunctionInvocation();
        });

        IChatClient client = provider.GetRequiredService<IChatClient>();

        Assert.IsType<FunctionInvokingChatClient>(client);
        Assert.NotNull(client.GetService<OpenTelemetryChatClient>());
        Assert.NotNull(client.GetService<RoundRobinChatClient>());
        Assert.Equal("azure.ai.openai", client.GetService<ChatClientMetadata>()!.ProviderName);
        Assert.IsType<FunctionInvokingChatClient>(provider.GetRequiredKeyedService<IChatClient>("key"));
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
                services.AddAzureOpenAIRoundRobin(options =>
                {
                    configured++;
                    Over(service)(options);
                });
                services.AddKeyedAzureOpenAIRoundRobin("key", Over(service));
            }

            Assert.Single(services, descriptor => descriptor.ServiceType == typeof(EndpointPool) && !descriptor.IsKeyedService);
            Assert.Single(services, descriptor => descriptor.ServiceType == typeof(EndpointPool) && descriptor.IsKeyedService);
            Assert.Equal(2, services.Count(descriptor => descriptor.ServiceType == typeof(IValidateOptions<RoundRobinOptions>)));
        });

        Assert.Equal(2, provider.GetRequiredService<EndpointPool>().Count);
        Assert.Single(provider.GetServices<EndpointPool>());
        Assert.Same(provider.GetRequiredService<EndpointPool>(), provider.GetRequiredService<IChatClient>().GetService<EndpointPool>());
        Assert.Equal(2, configured);
    }

    [Fact]
    public async Task Add_TwiceWithTheSameEndpointsInCode_CountsThemOnce()
    {
        using FakeService service = new();
        await using ServiceProvider provider = Build([], services =>
        {
            for (int i = 0; i < 2; i++)
            {
                services.AddAzureOpenAIRoundRobin(options =>
                {
                    Over(service)(options);
                    options.Endpoints.Add(new EndpointOptions { Endpoint = new Uri("https://one.openai.azure.com"), ApiKey = "secret-key-of-one-0123456789", DeploymentName = "x" });
                });
            }
        });

        Assert.Equal(1, provider.GetRequiredService<EndpointPool>().Count);
    }

    [Fact]
    public async Task Add_TwiceWithAReadyMadeClientInCode_CountsItOnce()
    {
        FakeChatClient ready = new();
        await using ServiceProvider provider = Build([], services =>
        {
            for (int i = 0; i < 2; i++)
            {
                services.AddAzureOpenAIRoundRobin(options => options.Endpoints.Add(new EndpointOptions { Name = "ready", ChatClient = ready }));
            }
        });

        Assert.Equal(1, provider.GetRequiredService<EndpointPool>().Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AReadyMadeClient_OnBothSidesOfTheSwitch_GetsTheDefaultsAndStaysItsOwners(bool enabled)
    {
        FakeChatClient ready = new();
        List<ChatOptions?> seen = [];
        ready.OnCall = (_, options, _) =>
        {
            seen.Add(options);
            return Task.FromResult(FakeChatClient.Answer("ready"));
        };
        await using (ServiceProvider provider = Build([], services => services.AddAzureOpenAIRoundRobin(options =>
        {
            options.Enabled = enabled;
            options.Temperature = 0.5f;
            options.MaxOutputTokens = 77;
            options.Endpoints.Add(new EndpointOptions { ChatClient = ready, Deployments = { ["large"] = "large-prod" } });
        })))
        {
            IChatClient client = provider.GetRequiredService<IChatClient>();
            await client.GetResponseAsync("hi", cancellationToken: Token);
            await client.GetResponseAsync("hi", new ChatOptions { ModelId = "large", Temperature = 1 }, Token);
            await client.GetResponseAsync("hi", new ChatOptions { ModelId = "other" }, Token);
        }

        Assert.Equal([(null, 0.5f, 77), ("large-prod", 1, 77), ("other", 0.5f, 77)], seen.Select(options => (options!.ModelId, options.Temperature, options.MaxOutputTokens)));
        Assert.Equal(0, ready.Disposals);
    }

    [Fact]
    public async Task TheContainer_OwnsThePool()
    {
        using FakeService service = new();
        ServiceProvider provider = Build(On(), services => services.AddAzureOpenAIRoundRobin(Over(service)));
        IChatClient client = provider.GetRequiredService<IChatClient>();
        EndpointPool pool = provider.GetRequiredService<EndpointPool>();

        client.Dispose();
        await client.GetResponseAsync("hi", cancellationToken: Token);
        await provider.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetResponseAsync("hi", cancellationToken: Token));
        Assert.Throws<ObjectDisposedException>(() => pool.Next());
    }

    [Fact]
    public async Task TheSwitch_Off_IsTheSdksClientWithNoClassOfOursInThePath()
    {
        using FakeService service = new();
        await using ServiceProvider provider = Build(Off(), services => services.AddAzureOpenAIRoundRobin(options =>
        {
            Over(service)(options);
            options.Temperature = 0.5f;
            options.MaxOutputTokens = 77;
        }));

        IChatClient client = provider.GetRequiredService<IChatClient>();
        string text = (await client.GetResponseAsync("hi", cancellationToken: Token)).Text;

        Assert.Equal("single", text);
        FakeService.Request request = Assert.Single(service.Requests);
        Assert.Equal(("base", 0.5f), (request.Deployment, (float)request.Body["temperature"]!));
        Assert.IsType<ConfigureOptionsChatClient>(client);
        Assert.Null(client.GetService<RoundRobinChatClient>());
        Assert.Null(provider.GetService<EndpointPool>());
        Assert.DoesNotContain(typeof(RoundRobinChatClient).Assembly, Chain(client).Select(link => link.GetType().Assembly));
    }

    [Theory]
    [InlineData("https://single.openai.azure.com", "small", "large", 1)]
    [InlineData("https://single.openai.azure.com/openai/v1", "large-prod", "large-prod", 0)]
    public async Task TheSwitch_Off_AMappedModelIsFollowedOrWarnedOf(string address, string deployment, string model, int warnings)
    {
        using FakeService service = new();
        await using ServiceProvider provider = Build([], services =>
        {
            services.AddFakeLogging();
            services.AddAzureOpenAIRoundRobin(options =>
            {
                Over(service)(options);
                options.Enabled = false;
                options.Endpoints.Add(new EndpointOptions
                {
                    Endpoint = new Uri(address),
                    ApiKey = "secret-key-of-single-0123456789",
                    DeploymentName = "small",
                    Deployments = { ["large"] = "large-prod" },
                });
            });
        });

        await provider.GetRequiredService<IChatClient>().GetResponseAsync("hi", new ChatOptions { ModelId = "large" }, Token);

        FakeService.Request request = Assert.Single(service.Requests);
        Assert.Equal((deployment, model), (request.Deployment, request.Model));
        FakeLogRecord[] told = [.. provider.GetFakeLogCollector().GetSnapshot().Where(record => record.Level == LogLevel.Warning)];
        Assert.Equal(warnings, told.Length);
        Assert.All(told, record => Assert.Contains("is answered by 'small', and Deployments is not used", record.Message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task TheSwitch_OffByCode_BeatsTheVariable()
    {
        Dictionary<string, string?> values = Off();
        values["USE_AZURE_OPENAI_ROUND_ROBIN"] = "true";
        await using ServiceProvider provider = Build(values, services => services.AddAzureOpenAIRoundRobin(options => options.Enabled = false));

        Assert.IsType<ConfigureOptionsChatClient>(provider.GetRequiredService<IChatClient>());
    }

    [Fact]
    public async Task TheSwitch_AbsentBesideAConnection_IsOffAndToldOnce()
    {
        Dictionary<string, string?> values = Off();
        values.Remove("USE_AZURE_OPENAI_ROUND_ROBIN");
        values["AZURE_OPENAI_ROUND_ROBIN_CONNECTION"] = Connection;
        await using ServiceProvider provider = Build(values, services =>
        {
            services.AddFakeLogging();
            services.AddAzureOpenAIRoundRobin();
        });

        Assert.IsType<ConfigureOptionsChatClient>(provider.GetRequiredService<IChatClient>());
        FakeLogRecord record = Assert.Single(provider.GetFakeLogCollector().GetSnapshot(), record => record.Level == LogLevel.Warning);
        Assert.Contains("USE_AZURE_OPENAI_ROUND_ROBIN", record.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AWarning_OfWhatSeveralRegistrationsRead_IsToldOnce(bool on)
    {
        Dictionary<string, string?> values = on ? On() : Off();
        values["AZURE_OPENAI_ROUND_ROBIN_CONNECTION"] = Connection.Replace("AZURE_OPENAI_API_KEY\":\"secret-key-of-two", "color\":\"red\",\"AZURE_OPENAI_API_KEY\":\"secret-key-of-two", StringComparison.Ordinal);
        values["AZURE_OPENAI_EMBEDDING_DEPLOYMENT"] = "vectors";
        values["USE_AZURE_OPENAI_ROUND_ROBIN"] = on ? "true" : null;
        await using ServiceProvider provider = Build(values, services =>
        {
            services.AddFakeLogging();
            services.AddAzureOpenAIRoundRobin();
            services.AddKeyedAzureOpenAIRoundRobin("advanced", options => options.DeploymentName = "other");
            services.AddAzureOpenAIRoundRobinEmbeddingGenerator();
        });

        _ = provider.GetRequiredService<IChatClient>();
        _ = provider.GetRequiredKeyedService<IChatClient>("advanced");
        _ = provider.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>();

        FakeLogRecord record = Assert.Single(provider.GetFakeLogCollector().GetSnapshot(), record => record.Level == LogLevel.Warning);
        Assert.Contains(on ? "color" : "USE_AZURE_OPENAI_ROUND_ROBIN", record.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Faults_WithAHost_StopItsStart()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(Broken());
        builder.Services.AddAzureOpenAIRoundRobin();
        using IHost host = builder.Build();

        OptionsValidationException failure = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Token));

        AssertNamesEveryFault(failure);
    }

    [Fact]
    public async Task Faults_OfAKeyedRegistrationWithAHost_StopItsStart()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(Broken());
        builder.Services.AddKeyedAzureOpenAIRoundRobin("key", options => options.DeploymentName = "x");
        using IHost host = builder.Build();

        AssertNamesEveryFault(await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Token)));
    }

    [Fact]
    public async Task Faults_OfTwoRegistrationsWithAHost_AreAllInOneMessage()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(Broken());
        builder.Services.AddAzureOpenAIRoundRobin();
        builder.Services.AddKeyedAzureOpenAIRoundRobin("key", options => options.DeploymentName = "x");
        using IHost host = builder.Build();

        AggregateException failure = await Assert.ThrowsAsync<AggregateException>(() => host.StartAsync(Token));

        Assert.All(failure.InnerExceptions, inner => AssertNamesEveryFault(Assert.IsType<OptionsValidationException>(inner)));
        Assert.Single(failure.InnerExceptions, inner => inner.Message.Contains("Registration 'key'", StringComparison.Ordinal));
        Assert.DoesNotContain("secret", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoFault_WithAHost_StartsAndAsksNobody()
    {
        using FakeService service = new();
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(On());
        builder.Services.AddAzureOpenAIRoundRobin(Over(service));
        using IHost host = builder.Build();

        await host.StartAsync(Token);
        await host.StopAsync(Token);

        Assert.Empty(service.Requests);
    }

    [Fact]
    public async Task Faults_WithoutAHost_AreThrownAtTheFirstResolve()
    {
        await using ServiceProvider provider = Build(Broken(), services => services.AddAzureOpenAIRoundRobin());

        AssertNamesEveryFault(Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IChatClient>()));
        AssertNamesEveryFault(Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<EndpointPool>()));
    }

    [Fact]
    public async Task HttpClientName_IsAskedOfTheFactory()
    {
        using FakeService service = new();
        await using ServiceProvider provider = Build(On(), services =>
        {
            services.AddHttpClient("azure").ConfigurePrimaryHttpMessageHandler(() => service);
            services.AddAzureOpenAIRoundRobin(options => options.HttpClientName = "azure");
        });

        await provider.GetRequiredService<IChatClient>().GetResponseAsync("hi", cancellationToken: Token);

        Assert.Single(service.Requests);
    }

    [Theory]
    [InlineData("default", true, true)]
    [InlineData("sockets", true, true)]
    [InlineData("client", true, true)]
    [InlineData("client", true, false)]
    [InlineData("behind another", true, true)]
    [InlineData("fixed sockets", false, true)]
    [InlineData("fixed client", false, true)]
    [InlineData("foreign", false, true)]
    public async Task HttpClientName_OfOneThatFollowsRedirects_IsWarnedOfOnce(string kind, bool warns, bool on)
    {
        using FakeService service = new();
        await using ServiceProvider provider = Build(on ? On() : Off(), services =>
        {
            services.AddFakeLogging();
            IHttpClientBuilder http = services.AddHttpClient("azure");
            _ = kind switch
            {
                "sockets" => http.ConfigurePrimaryHttpMessageHandler(static () => new SocketsHttpHandler()),
                "client" => http.ConfigurePrimaryHttpMessageHandler(static () => new HttpClientHandler()),
                "behind another" => http.ConfigurePrimaryHttpMessageHandler(static () => new Passing { InnerHandler = new SocketsHttpHandler() }).AddHttpMessageHandler(static () => new Passing()),
                "fixed sockets" => http.ConfigurePrimaryHttpMessageHandler(static () => new SocketsHttpHandler { AllowAutoRedirect = false }),
                "fixed client" => http.ConfigurePrimaryHttpMessageHandler(static () => new HttpClientHandler { AllowAutoRedirect = false }),
                "foreign" => http.ConfigurePrimaryHttpMessageHandler(() => service),
                _ => http,
            };
            services.AddAzureOpenAIRoundRobin(options => (options.HttpClientName, options.AttemptTimeout) = ("azure", TimeSpan.FromSeconds(99)));
        });

        _ = provider.GetRequiredService<IChatClient>();

        string[] warnings = [.. provider.GetFakeLogCollector().GetSnapshot().Select(record => record.Message).Where(message => message.Contains("redirects", StringComparison.Ordinal))];
        Assert.Equal(warns ? 1 : 0, warnings.Length);
        Assert.All(warnings, static warning => Assert.Equal(
            "The HttpClient 'azure' follows redirects, and would send a key on to wherever one leads; set AllowAutoRedirect = false on its primary handler.", warning));
    }

    [Fact]
    public async Task HttpClientName_WithoutAFactory_IsAFaultLikeAnyOther()
    {
        await using ServiceProvider provider = Build(Broken(), services => services.AddAzureOpenAIRoundRobin(options => options.HttpClientName = "azure"));

        OptionsValidationException failure = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IChatClient>());

        Assert.Equal(3, failure.Failures.Count());
        Assert.Contains("register it with AddHttpClient", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LogsAndTime_ComeFromTheContainer()
    {
        using FakeService service = new() { On = request => request.Host == "one" ? FakeService.Refusal(429, ("Retry-After", "60")) : null };
        FakeClock clock = new();
        await using ServiceProvider provider = Build(On(), services =>
        {
            services.AddFakeLogging();
            services.AddSingleton<TimeProvider>(clock);
            services.AddAzureOpenAIRoundRobin(Over(service));
        });
        IChatClient client = provider.GetRequiredService<IChatClient>();
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal("two", (await client.GetResponseAsync("hi", cancellationToken: Token)).Text);
        }

        EndpointStatus status = Assert.Single(provider.GetRequiredService<EndpointPool>().GetStatus(), status => status.State == EndpointState.Unavailable);
        Assert.Equal(TimeSpan.FromSeconds(60), status.ReadyIn);
        Assert.Contains(provider.GetFakeLogCollector().GetSnapshot(), record => record.Message.Contains("'one'", StringComparison.Ordinal));
    }

    [Fact]
    public void Arguments_ThatAreMissing_Throw()
    {
        ServiceCollection services = [];
        IConfiguration section = new ConfigurationBuilder().Build();

        Assert.Throws<ArgumentNullException>(() => ((IServiceCollection)null!).AddAzureOpenAIRoundRobin());
        Assert.Throws<ArgumentNullException>(() => services.AddAzureOpenAIRoundRobin((IConfiguration)null!));
        Assert.Throws<ArgumentNullException>(() => services.AddKeyedAzureOpenAIRoundRobin(null!));
        Assert.Throws<ArgumentNullException>(() => services.AddKeyedAzureOpenAIRoundRobin("key", (IConfiguration)null!));
        Assert.Throws<ArgumentException>(() => services.AddKeyedAzureOpenAIRoundRobin(""));
        Assert.Throws<ArgumentException>(() => services.AddKeyedAzureOpenAIRoundRobin("", section));
    }

    private static void AssertNamesEveryFault(OptionsValidationException failure)
    {
        Assert.Equal(2, failure.Failures.Count());
        Assert.Contains("AZURE_OPENAI_ENDPOINT", failure.Message, StringComparison.Ordinal);
        Assert.Contains("AZURE_OPENAI_API_KEY", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", failure.Message, StringComparison.Ordinal);
    }

    private static Dictionary<string, string?> On() => new()
    {
        ["USE_AZURE_OPENAI_ROUND_ROBIN"] = "true",
        ["AZURE_OPENAI_ROUND_ROBIN_CONNECTION"] = Connection,
        ["AZURE_OPENAI_DEPLOYMENT"] = "base",
    };

    private static Dictionary<string, string?> Off() => new()
    {
        ["USE_AZURE_OPENAI_ROUND_ROBIN"] = "false",
        ["AZURE_OPENAI_ENDPOINT"] = "https://single.openai.azure.com",
        ["AZURE_OPENAI_API_KEY"] = "secret-key-of-single-0123456789",
        ["AZURE_OPENAI_DEPLOYMENT"] = "base",
    };

    private static Dictionary<string, string?> Broken() => new(On())
    {
        ["AZURE_OPENAI_ROUND_ROBIN_CONNECTION"] = """
            [{"AZURE_OPENAI_API_KEY":"secret-key-of-one-0123456789"},{"AZURE_OPENAI_ENDPOINT":"https://two.openai.azure.com"}]
            """,
    };

    private static Action<RoundRobinOptions> Over(FakeService service) => options => options.HttpClient = new HttpClient(service, disposeHandler: false);

    private static ServiceProvider Build(Dictionary<string, string?> configuration, Action<IServiceCollection> register)
    {
        ServiceCollection services = [];
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(configuration).Build());
        register(services);
        return services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
    }

    private sealed class Passing : DelegatingHandler
    {
    }

    private static IEnumerable<IChatClient> Chain(IChatClient client)
    {
        yield return client;
        if (client is DelegatingChatClient && typeof(DelegatingChatClient)
            .GetProperty("InnerClient", System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic)!.GetValue(client) is IChatClient inner)
        {
            foreach (IChatClient link in Chain(inner))
            {
                yield return link;
            }
        }
    }
}
