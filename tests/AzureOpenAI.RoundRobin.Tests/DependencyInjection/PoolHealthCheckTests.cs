using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Time.Testing;
using OpenAI.Chat;

namespace AzureOpenAI.RoundRobin.Tests.DependencyInjection;

/// <summary>What the health check says, which it knows without a call.</summary>
public sealed class PoolHealthCheckTests
{
    private readonly FakeTimeProvider _time = new(Clocks.Start);
    private readonly FakeChatClient[] _clients = [new("a"), new("b")];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AllAvailable_IsHealthy_WithoutACall()
    {
        await using ServiceProvider provider = Build(services => services.AddHealthChecks().AddAzureOpenAIRoundRobin());

        (string name, HealthReportEntry entry) = await CheckAsync(provider);

        Assert.Equal(("azure_openai_round_robin", HealthStatus.Healthy), (name, entry.Status));
        Assert.Empty(entry.Data);
        Assert.All(_clients, client => Assert.Equal(0, client.Calls));
    }

    [Fact]
    public async Task SomeUnavailable_IsDegraded_AndNamesThem()
    {
        await using ServiceProvider provider = Build(services => services.AddHealthChecks().AddAzureOpenAIRoundRobin());
        Array.ForEach(_clients, client => client.Plays(client.Name == "a" ? FakeFailure.RateLimited(TimeSpan.FromSeconds(12)) : null));
        await AskAsync(provider);
        await AskAsync(provider);
        _time.Advance(TimeSpan.FromSeconds(1.5));

        (_, HealthReportEntry entry) = await CheckAsync(provider);

        Assert.Equal(HealthStatus.Degraded, entry.Status);
        Assert.Equal("rate limited, ready in 10.5 s", Assert.Single(entry.Data, data => data.Key == "a").Value);
        Assert.Equal("1 of 2 is unavailable or probing: 'a' rate limited, ready in 10.5 s.", entry.Description);
    }

    [Theory]
    [InlineData(null, HealthStatus.Unhealthy)]
    [InlineData(HealthStatus.Degraded, HealthStatus.Degraded)]
    public async Task AllUnavailable_IsTheFailureStatus_AndAfterTheCooldownDegradedUntilACall(HealthStatus? chosen, HealthStatus expected)
    {
        await using ServiceProvider provider = Build(services => services.AddHealthChecks().AddAzureOpenAIRoundRobin(failureStatus: chosen));
        Array.ForEach(_clients, client => client.Fails = FakeFailure.Status(401));
        await Assert.ThrowsAnyAsync<Exception>(() => AskAsync(provider));

        (_, HealthReportEntry entry) = await CheckAsync(provider);
        Assert.Equal(expected, entry.Status);
        Assert.Equal(["a", "b"], entry.Data.Keys.Order());
        Assert.StartsWith("2 of 2 are unavailable or probing: ", entry.Description, StringComparison.Ordinal);

        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(HealthStatus.Degraded, (await CheckAsync(provider)).Entry.Status);
        Assert.Equal(2, _clients.Sum(client => client.Calls));
    }

    [Fact]
    public async Task OutOfFlex_IsHealthy()
    {
        await using ServiceProvider provider = Build(services => services.AddHealthChecks().AddAzureOpenAIRoundRobin());
        Array.ForEach(_clients, static client => client.Fails = FakeFailure.RateLimited(TimeSpan.FromMinutes(1)));
        ChatOptions flex = new() { RawRepresentationFactory = static _ => new ChatCompletionOptions { ServiceTier = new ChatServiceTier("flex") } };
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => provider.GetRequiredService<IChatClient>().GetResponseAsync("hi", flex, Token));

        (_, HealthReportEntry entry) = await CheckAsync(provider);

        Assert.Equal((HealthStatus.Healthy, "All 2 endpoints take calls."), (entry.Status, entry.Description));
    }

    [Fact]
    public async Task EachRegistration_HasItsOwnCheck()
    {
        await using ServiceProvider provider = Build(services =>
        {
            services.AddKeyedAzureOpenAIRoundRobin("advanced", options => options.Endpoints.Add(new EndpointOptions { Name = "c", ChatClient = _clients[0] }));
            services.AddHealthChecks()
                .AddAzureOpenAIRoundRobin("everyday", tags: ["ready"])
                .AddAzureOpenAIRoundRobin(serviceKey: "advanced");
        });
        _clients[0].Fails = FakeFailure.Status(401);
        await Assert.ThrowsAnyAsync<Exception>(() => provider.GetRequiredKeyedService<IChatClient>("advanced").GetResponseAsync("hi", cancellationToken: Token));

        HealthReport report = await provider.GetRequiredService<HealthCheckService>().CheckHealthAsync(Token);

        Assert.Equal(
            [("azure_openai_round_robin_advanced", HealthStatus.Unhealthy), ("everyday", HealthStatus.Healthy)],
            report.Entries.Select(entry => (entry.Key, entry.Value.Status)).OrderBy(entry => entry.Key, StringComparer.Ordinal));
        Assert.Equal(["ready"], report.Entries["everyday"].Tags);
    }

    [Fact]
    public async Task WhileTheSwitchIsOff_ThereIsNoPool_WhichIsHealthy()
    {
        ServiceCollection services = new();
        services.AddLogging();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build());
        services.AddAzureOpenAIRoundRobin(options =>
        {
            options.Enabled = false;
            options.Endpoints.Add(new EndpointOptions { Name = "a", ChatClient = _clients[0] });
        });
        services.AddHealthChecks().AddAzureOpenAIRoundRobin();
        await using ServiceProvider provider = services.BuildServiceProvider();

        (_, HealthReportEntry entry) = await CheckAsync(provider);

        Assert.Equal(HealthStatus.Healthy, entry.Status);
        Assert.Equal("There is no pool: the switch USE_AZURE_OPENAI_ROUND_ROBIN is off.", entry.Description);
    }

    [Theory]
    [InlineData(null, "AddAzureOpenAIRoundRobin")]
    [InlineData("other", "'other'")]
    public async Task NothingRegistered_SaysSo(string? key, string named)
    {
        ServiceCollection services = new();
        services.AddLogging().AddHealthChecks().AddAzureOpenAIRoundRobin(serviceKey: key);
        await using ServiceProvider provider = services.BuildServiceProvider();

        (_, HealthReportEntry entry) = await CheckAsync(provider);

        Assert.Equal(HealthStatus.Unhealthy, entry.Status);
        Assert.Contains(named, entry.Exception?.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SeveralDeployments_TheUnavailableOneIsNamed()
    {
        using ServicePool pool = new(["one"], (_, endpoint) => endpoint.Deployments["gpt-4.1"] = "gpt41-prod");
        pool.Service.On = _ => FakeService.Refusal(404);
        await Assert.ThrowsAnyAsync<Exception>(() => pool.AskAsync(options: new ChatOptions { ModelId = "gpt-4.1" }));
        ServiceCollection services = new();
        services.AddLogging().AddSingleton(pool.Pool).AddHealthChecks().AddAzureOpenAIRoundRobin();
        await using ServiceProvider provider = services.BuildServiceProvider();

        (_, HealthReportEntry entry) = await CheckAsync(provider);

        Assert.Equal(["one/gpt41-prod"], entry.Data.Keys);
    }

    private static async Task<(string Name, HealthReportEntry Entry)> CheckAsync(ServiceProvider provider)
    {
        KeyValuePair<string, HealthReportEntry> only = Assert.Single((await provider.GetRequiredService<HealthCheckService>().CheckHealthAsync(Token)).Entries);
        return (only.Key, only.Value);
    }

    private static Task<ChatResponse> AskAsync(ServiceProvider provider) =>
        provider.GetRequiredService<IChatClient>().GetResponseAsync("hi", cancellationToken: Token);

    private ServiceProvider Build(Action<IServiceCollection> add)
    {
        ServiceCollection services = new();
        services.AddLogging();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build());
        services.AddSingleton<TimeProvider>(_time);
        services.AddAzureOpenAIRoundRobin(options =>
        {
            foreach (FakeChatClient client in _clients)
            {
                options.Endpoints.Add(new EndpointOptions { Name = client.Name, ChatClient = client });
            }
        });
        add(services);
        return services.BuildServiceProvider();
    }
}
