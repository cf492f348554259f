using System.Text.Json;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>The same app code whatever the configuration says.</summary>
public sealed class RegistrationOverHttpTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string?, bool, bool> Switches => new()
    {
        { "true", true, false }, { "true", true, true }, { "ON", true, false }, { "1", true, true },
        { "false", false, false }, { "false", false, true }, { "Off", false, false }, { null, false, true },
    };

    [Theory]
    [MemberData(nameof(Switches))]
    public async Task The_switch_alone_decides_between_the_pool_and_the_single_endpoint(string? value, bool isPool, bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        await using ServiceProvider services = Services(Connections.Variables(fleet, value), static app => app.AddAzureOpenAIRoundRobin());

        IChatClient client = services.GetRequiredService<IChatClient>();
        for (int i = 0; i < 4; i++)
        {
            Assert.EndsWith("] hello", (await client.AskAsync(streaming, "hello", null, Cancellation)).Text, StringComparison.Ordinal);
        }

        Assert.Equal(isPool ? [2, 2] : [4, 0], new[] { "east", "west" }.Select(fleet.Attempts));
        Assert.Equal(isPool, client.GetService<RoundRobinChatClient>() is not null);
        Assert.Equal(isPool, services.GetService<EndpointPool>() is not null);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_connection_may_be_a_real_section(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        Dictionary<string, string?> settings = new() { [Connections.Deployment] = Fleet.Deployment, [Connections.Switch] = "yes" };
        foreach ((SimulatedResource resource, int i) in fleet.Azure.Resources.Select((resource, i) => (resource, i)))
        {
            settings[$"{Connections.Connection}:{i}:{Connections.Endpoint}"] = resource.V1Endpoint.AbsoluteUri;
            settings[$"{Connections.Connection}:{i}:{Connections.ApiKey}"] = resource.ApiKey;
            settings[$"{Connections.Connection}:{i}:model"] = Fleet.Deployment;
        }

        await using ServiceProvider services = Services(settings, static app => app.AddAzureOpenAIRoundRobin());
        IChatClient client = services.GetRequiredService<IChatClient>();
        await client.AskAsync(streaming, "hello", null, Cancellation);
        await client.AskAsync(streaming, "hello", null, Cancellation);

        Assert.Equal([1, 1], new[] { "east", "west" }.Select(fleet.Attempts));
        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal(RouteKind.V1, entry.Route));
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public async Task A_second_model_is_a_second_registration_that_shares_nothing(bool streaming, bool isPool)
    {
        List<(string Deployment, double? Temperature, int? MaxTokens)> asked = [];
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Simulator = options =>
        {
            foreach (ResourceOptions resource in options.Resources)
            {
                resource.AddDeployment(Fleet.Deployment).AddDeployment("gpt-4.1");
            }

            options.Respond(request =>
            {
                asked.Add((request.Deployment, request.Temperature, request.MaxTokens));
                return "ok";
            });
        });
        await using ServiceProvider services = Services(Connections.Variables(fleet, isPool ? "true" : "false"), static app =>
        {
            app.AddAzureOpenAIRoundRobin(options => (options.Temperature, options.MaxOutputTokens) = (0.5f, 100));
            app.AddKeyedAzureOpenAIRoundRobin("advanced", options => options.DeploymentName = "gpt-4.1");
        });
        IChatClient basic = services.GetRequiredService<IChatClient>();
        IChatClient advanced = services.GetRequiredKeyedService<IChatClient>("advanced");

        await basic.AskAsync(streaming, "hello", null, Cancellation);
        await advanced.AskAsync(streaming, "hello", null, Cancellation);

        Assert.Equal([(Fleet.Deployment, 0.5, 100), ("gpt-4.1", null, null)], asked);
        Assert.NotSame(basic, advanced);
        if (isPool)
        {
            Assert.NotSame(services.GetRequiredService<EndpointPool>(), services.GetRequiredKeyedService<EndpointPool>("advanced"));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_stands_around_the_client_works_on_both_sides_of_the_switch(bool isPool)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Simulator = options => options.Respond(request =>
            request.Messages[^1].Role == "tool" ? $"{request.Messages[^1].Text} o'clock" : ChatReply.FromToolCalls(new ReplyToolCall("read_clock"))));
        await using ServiceProvider services = Services(
            Connections.Variables(fleet, isPool ? "true" : "false"), static app => app.AddAzureOpenAIRoundRobin().UseFunctionInvocation());

        Answer answer = await services.GetRequiredService<IChatClient>().AskAsync(
            streaming: isPool, "What time is it?", new ChatOptions { Tools = [AIFunctionFactory.Create(static () => 12, "read_clock")] }, Cancellation);

        Assert.Equal("12 o'clock", answer.Response.Messages[^1].Text);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_named_HttpClient_carries_every_request(bool isPool)
    {
        RecordingHandler wire = new();
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        await using ServiceProvider services = Services(Connections.Variables(fleet, isPool ? "true" : "false"), app =>
        {
            app.AddHttpClient("azure-openai").ConfigurePrimaryHttpMessageHandler(() => wire);
            app.AddAzureOpenAIRoundRobin(static options => options.HttpClientName = "azure-openai");
        });

        await services.GetRequiredService<IChatClient>().AskAsync(streaming: false, "hello", null, Cancellation);
        await services.GetRequiredService<IChatClient>().AskAsync(streaming: true, "hello", null, Cancellation);

        Assert.Equal(2, wire.Sent.Count);
        Assert.Equal(2, fleet.Attempts());
    }

    [Fact]
    public async Task Registering_twice_adds_nothing_twice()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        await using ServiceProvider services = Services(Connections.Variables(fleet, "true"), static app =>
        {
            app.AddAzureOpenAIRoundRobin();
            app.AddAzureOpenAIRoundRobin();
        });

        Assert.Equal(2, services.GetRequiredService<EndpointPool>().Count);
        Assert.Equal(2, services.GetRequiredService<IChatClient>().GetService<EndpointPool>()!.Count);
    }

    [Fact]
    public async Task The_container_disposes_the_pool_and_only_once()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        ServiceProvider services = Services(Connections.Variables(fleet, "true"), static app => app.AddAzureOpenAIRoundRobin());
        IChatClient client = services.GetRequiredService<IChatClient>();
        EndpointPool pool = services.GetRequiredService<EndpointPool>();

        client.Dispose();
        await pool.InvokeAsync(static (_, _) => Task.FromResult(1), cancellationToken: Cancellation);

        await services.DisposeAsync();
        pool.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => pool.InvokeAsync(static (_, _) => Task.FromResult(1), cancellationToken: Cancellation));
    }

    [Fact]
    public async Task A_hosts_start_fails_on_what_is_wrong_and_shows_no_key()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east"]);
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            [Connections.Switch] = "true",
            [Connections.Connection] = JsonSerializer.Serialize(new[]
            {
                new Dictionary<string, string> { [Connections.Endpoint] = "http://example.com", [Connections.ApiKey] = fleet["east"].ApiKey },
                new Dictionary<string, string> { [Connections.ApiKey] = fleet["east"].ApiKey },
            }),
        });
        builder.Services.AddAzureOpenAIRoundRobin();
        using IHost host = builder.Build();

        Microsoft.Extensions.Options.OptionsValidationException exception =
            await Assert.ThrowsAsync<Microsoft.Extensions.Options.OptionsValidationException>(() => host.StartAsync(Cancellation));

        Assert.Contains("Endpoint 1", exception.Message, StringComparison.Ordinal);
        Assert.Contains("Endpoint 2", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(fleet["east"].ApiKey, exception.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    private static ServiceProvider Services(Dictionary<string, string?> settings, Action<IServiceCollection> configure)
    {
        ServiceCollection services = new();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(settings).Build());
        configure(services);
        return services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
    }
}
