using System.ClientModel;
using System.Collections.Concurrent;
using Azure.AI.OpenAI;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>What the page about moving says of this library, and of the SDK's own client, is so.</summary>
public sealed class MovingTests
{
    private const string Page = "docs/moving.md", Advanced = "AZURE_OPENAI_ADVANCED_DEPLOYMENT_NAME";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void The_functions_of_the_original_are_named() =>
        Assert.Equal(["get_model_client()", "get_advance_model_client()"], Readme.Table(Page, "The app's functions").Select(static row => row[0].Split(',')[0]));

    /// <summary>The registrations of the page's code.</summary>
    [Theory]
    [InlineData("true", new[] { "contoso-france", "contoso-sweden" })]
    [InlineData("false", new[] { "contoso-sweden" })]
    public async Task Two_models_are_two_registrations_by_the_same_variables(string on, string[] asked)
    {
        ConcurrentQueue<(string Resource, string Deployment, double? Temperature, int? MaxTokens, bool HasTopP)> heard = new();
        await using Fleet fleet = await StartAsync(request =>
        {
            heard.Enqueue((request.Resource, request.Deployment, request.Temperature, request.MaxTokens, request.Body.TryGetProperty("top_p", out _)));
            return "yes";
        });
        Dictionary<string, string?> variables = Connections.Variables(fleet, on);
        variables[Advanced] = "gpt-4.1";
        IConfiguration configuration = new ConfigurationBuilder().AddInMemoryCollection(variables).Build();
        ServiceCollection services = [];
        services.AddSingleton(configuration);
        services.AddAzureOpenAIRoundRobin(static options => (options.Temperature, options.MaxOutputTokens) = (0, 2000))
            .ConfigureOptions(static options => options.TopP ??= 0);
        services.AddKeyedAzureOpenAIRoundRobin("advanced", options => options.DeploymentName = configuration[Advanced])
            .ConfigureOptions(static options => options.MaxOutputTokens ??= 2000);
        await using ServiceProvider provider = services.BuildServiceProvider();

        for (int i = 0; i < 2; i++)
        {
            await provider.GetRequiredService<IChatClient>().GetResponseAsync("hello", cancellationToken: Cancellation);
            await provider.GetRequiredKeyedService<IChatClient>("advanced").GetResponseAsync("hello", cancellationToken: Cancellation);
        }

        // Each has its own turn: neither registration takes one of the other's.
        Assert.Equal(asked, heard.Where(static one => one.Deployment == "gpt-4o").Select(static one => one.Resource).Distinct().Order());
        Assert.Equal(asked, heard.Where(static one => one.Deployment == "gpt-4.1").Select(static one => one.Resource).Distinct().Order());
        Assert.All(heard, static one => Assert.Equal(one.Deployment == "gpt-4o" ? (0, 2000, true) : ((double?)null, 2000, false), (one.Temperature, one.MaxTokens, one.HasTopP)));
    }

    [Fact]
    public void The_names_of_an_entry_are_the_same_and_another_is_a_warning()
    {
        const string Entry = """
            [{ "AZURE_OPENAI_ENDPOINT": "https://contoso-sweden.openai.azure.com", "AZURE_OPENAI_API_KEY": "key-of-sweden", "model": "gpt-4o", "azure_deployment": "gpt-4o",
               "api_version": "2025-01-01-preview", "temperature": 0, "max_tokens": 2000, "timeout": 30 }]
            """;

        Resolution read = ConfigurationResolver.ForEnvironment(new RoundRobinOptions(), environment: static name => name == Connections.Connection ? Entry : null);

        EndpointSettings endpoint = Assert.Single(read.Settings.Endpoints);
        Assert.Equal(("gpt-4o", "2025-01-01-preview", 0f, 2000), (endpoint.Deployment, endpoint.ApiVersion, endpoint.Temperature, endpoint.MaxOutputTokens));
        Assert.Equal("Endpoint 1: the name 'timeout' is unknown and ignored.", Assert.Single(read.Warnings));
    }

    [Fact]
    public void A_faulty_entry_stops_the_start_and_is_named()
    {
        const string Entries = """
            [{ "AZURE_OPENAI_ENDPOINT": "https://contoso-sweden.openai.azure.com", "AZURE_OPENAI_API_KEY": "key-of-sweden", "model": "gpt-4o" },
             { "name": "france", "model": "gpt-4o" }]
            """;

        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(
            static () => ConfigurationResolver.ForEnvironment(new RoundRobinOptions(), environment: static name => name == Connections.Connection ? Entries : null));

        Assert.Contains("Endpoint 2 ('france')", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_rotation_starts_anywhere()
    {
        await using Fleet fleet = await StartAsync(static _ => "yes");
        RoundRobinOptions options = new() { DeploymentName = Fleet.Deployment };
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            options.Endpoints.Add(fleet.EndpointFor(resource));
        }

        string[] first = [.. Enumerable.Range(0, 60).Select(_ =>
        {
            using EndpointPool pool = new(options);
            return pool.NextClient().EndpointName;
        })];

        Assert.Equal(2, first.Distinct().Count());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_call_that_fails_goes_to_another_endpoint_and_the_SDKs_asks_the_same_four_times(bool streaming)
    {
        await using Fleet fleet = await StartAsync(static _ => "yes");
        fleet["contoso-sweden"].Faults.Add(Fault.Status(503).WithHeader("retry-after-ms", "1"));
        SimulatedResource sweden = fleet["contoso-sweden"];
        using IChatClient plain = new AzureOpenAIClient(sweden.Endpoint, new ApiKeyCredential(sweden.ApiKey)).GetChatClient(Fleet.Deployment).AsIChatClient();

        await Assert.ThrowsAsync<ClientResultException>(() => plain.AskAsync(streaming, "hello", null, Cancellation));
        Assert.Equal(4, fleet.Attempts());

        Assert.Equal("contoso-france", (await fleet.AskAsync(streaming)).Endpoint);
        Assert.Equal(6, fleet.Attempts());
    }

    /// <summary>At one endpoint only. The SDK waits 0.8, 1.6 and 3.2 s between its attempts.</summary>
    [Theory]
    [InlineData(true, 2)]
    [InlineData(false, 4)]
    public async Task A_call_makes_so_many_attempts_that_time_out(bool pooled, int attempts)
    {
        TimeSpan limit = TimeSpan.FromMilliseconds(100);
        await using Fleet fleet = await Fleet.StartAsync(["contoso-sweden"]);
        SimulatedResource sweden = fleet["contoso-sweden"];
        sweden.Faults.Add(Fault.NeverAnswer());
        using EndpointPool pool = fleet.CreatePool(options => options.AttemptTimeout = limit);
        using IChatClient client = pooled
            ? new RoundRobinChatClient(pool, leaveOpen: true)
            : new AzureOpenAIClient(sweden.Endpoint, new ApiKeyCredential(sweden.ApiKey), new AzureOpenAIClientOptions { NetworkTimeout = limit }).GetChatClient(Fleet.Deployment).AsIChatClient();

        await Assert.ThrowsAnyAsync<Exception>(() => client.GetResponseAsync("hello", cancellationToken: Cancellation));

        Assert.Equal(attempts, fleet.Attempts());
    }

    [Fact]
    public async Task A_cut_stream_is_an_exception_and_so_is_an_error_in_it()
    {
        await using Fleet fleet = await StartAsync(static _ => "a longer answer in several words");
        fleet["contoso-sweden"].Faults.Add(Fault.CutAfter(3));
        fleet["contoso-france"].Faults.Add(Fault.ErrorEventAfter(3));

        Assert.IsType<ChatStreamInterruptedException>((await fleet.Client.GetStreamingResponseAsync("hello", cancellationToken: Cancellation).ReadAsync()).Failure);
        Assert.IsType<ChatStreamInterruptedException>((await fleet.Client.GetStreamingResponseAsync("hello", cancellationToken: Cancellation).ReadAsync()).Failure);
    }

    [Fact]
    public async Task Usage_is_summed_and_deployments_are_counted()
    {
        await using Fleet fleet = await StartAsync(
            static _ => new ChatReply { Text = "yes", Usage = new TokenUsage(11, 7) { CachedTokens = 3 } },
            static (_, endpoint) => (endpoint.DeploymentName, endpoint.Deployments["gpt-4.1"]) = (Fleet.Deployment, "gpt-4.1"));
        await fleet.AskAsync(streaming: false, times: 2);

        IReadOnlyList<EndpointStatus> all = fleet.Pool.GetStatus();
        Assert.Equal((22, 14, 6), (all.Sum(static one => one.InputTokens), all.Sum(static one => one.OutputTokens), all.Sum(static one => one.CachedInputTokens)));
        Assert.Equal(4, fleet.Pool.Count);
        Assert.Equal((Fleet.Deployment, "gpt-4.1"), (fleet.Pool.NextClient().DeploymentName, fleet.Pool.NextClient("gpt-4.1").DeploymentName));
    }

    [Fact]
    public void Code_that_catches_the_SDKs_exception_is_unchanged() => Assert.True(typeof(ClientResultException).IsAssignableFrom(typeof(EndpointsExhaustedException)));

    private static Task<Fleet> StartAsync(Func<AzureOpenAI.Simulator.ChatRequest, ChatReply> answer, Action<SimulatedResource, EndpointOptions>? endpoint = null) =>
        Fleet.StartAsync(["contoso-sweden", "contoso-france"], setup =>
        {
            setup.Resource = static resource => resource.AddDeployment(Fleet.Deployment).AddDeployment("gpt-4.1");
            setup.Simulator = options => options.Respond(answer);
            setup.Endpoint = endpoint;
        });
}
