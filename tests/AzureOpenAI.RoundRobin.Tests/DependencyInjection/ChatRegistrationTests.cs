using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using static AzureOpenAI.RoundRobin.Tests.DependencyInjection.Registrations;

namespace AzureOpenAI.RoundRobin.Tests.DependencyInjection;

/// <summary>AddAzureOpenAIRoundRobin and AddKeyedAzureOpenAIRoundRobin: where endpoints and services come from.</summary>
public class ChatRegistrationTests
{
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
    public async Task Add_ReturnsABuilder_ThatGoesOn()
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

    [Fact]
    public async Task Add_ContainerOwnsThePool()
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
    public async Task Add_LogsAndTimeComeFromTheContainer()
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
    public void Add_MissingArguments_Throw()
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
}
