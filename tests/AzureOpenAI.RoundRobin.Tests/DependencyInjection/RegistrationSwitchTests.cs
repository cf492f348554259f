using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using static AzureOpenAI.RoundRobin.Tests.DependencyInjection.Registrations;

namespace AzureOpenAI.RoundRobin.Tests.DependencyInjection;

/// <summary>The switch between the pool and the plain client.</summary>
public class RegistrationSwitchTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Off_IsTheSdksClientWithNoClassOfOursInThePath()
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
    public async Task Off_MappedModelIsFollowedOrWarnedOf(string address, string deployment, string model, int warnings)
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
    public async Task OffByCode_BeatsTheVariable()
    {
        Dictionary<string, string?> values = Off();
        values["USE_AZURE_OPENAI_ROUND_ROBIN"] = "true";
        await using ServiceProvider provider = Build(values, services => services.AddAzureOpenAIRoundRobin(options => options.Enabled = false));

        Assert.IsType<ConfigureOptionsChatClient>(provider.GetRequiredService<IChatClient>());
    }

    [Fact]
    public async Task AbsentBesideAConnection_IsOffAndLoggedOnce()
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
    public async Task SeveralRegistrations_SameWarning_IsLoggedOnce(bool on)
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

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ReadyMadeClient_OnAndOff_GetsTheDefaultsAndIsNotDisposed(bool enabled)
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
