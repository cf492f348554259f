using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests.Configuration;

public sealed class ConfigurationResolverTests
{
    [Fact]
    public void EnabledIsFalse_WhereThereIsAPoolAlways_IsAFaultThatSaysWhoReadsIt()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        Resolution before = ConfigurationResolver.ForPool(options);
        options.Enabled = false;
        Func<Resolution>[] always =
        [
            () => ConfigurationResolver.ForPool(options),
            () => ConfigurationResolver.ForEnvironment(options, environment: Given.Environment()),
            () => before.Renew(options),
        ];

        foreach (Func<Resolution> resolve in always)
        {
            string fault = Given.Fault(resolve);
            Assert.StartsWith("Enabled is false, but EndpointPool, RoundRobinChatClient and RoundRobinEmbeddingGenerator always make a pool", fault, StringComparison.Ordinal);
            Assert.Contains("AddAzureOpenAIRoundRobin", fault, StringComparison.Ordinal);
            Assert.Contains("AzureOpenAIRoundRobin.CreateFromEnvironment", fault, StringComparison.Ordinal);
        }

        Assert.Throws<OptionsValidationException>(() => new EndpointPool(options));
        Assert.False(ConfigurationResolver.ForSwitch(options, environment: Given.Environment()).IsEnabled);
        options.Enabled = true;
        Assert.All(always, resolve => Assert.True(resolve().IsEnabled));
    }

    [Fact]
    public void EnabledIsFalse_IsSaidWithTheOtherFaults()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint(configure: static endpoint => endpoint.Weight = 0));
        (options.Enabled, options.MaxAttempts) = (false, 0);

        Assert.Equal(3, Given.Faults(() => ConfigurationResolver.ForPool(options)).Length);
    }

    [Fact]
    public void APool_OfNoOptions_IsAnArgumentError() => Assert.Equal("options", Assert.Throws<ArgumentNullException>(() => new EndpointPool((RoundRobinOptions)null!)).ParamName);

    [Fact]
    public void ForPool_Defaults_AreFilledIn()
    {
        PoolSettings settings = ConfigurationResolver.ForPool(Given.Options(Given.Endpoint())).Settings;

        Assert.Equal((TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(100), null, null), (settings.MaxWait, settings.AttemptTimeout, settings.FirstContentTimeout, settings.MaxAttempts));
        Assert.Equal(10_000, settings.MaxWaiting);
        Assert.Null(settings.HttpClient);
        EndpointSettings endpoint = Assert.Single(settings.Endpoints);
        Assert.Equal((1, 0, null, null), (endpoint.Weight, endpoint.Priority, endpoint.ApiVersion, endpoint.Temperature));
    }

    [Fact]
    public void ForPool_EverythingSet_IsPassedOn()
    {
        using HttpClient client = new();
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        options.ApiVersion = "2025-01-01-preview";
        options.Temperature = 0.3f;
        options.MaxOutputTokens = 30;
        options.MaxWait = TimeSpan.Zero;
        options.MaxWaiting = 5;
        options.AttemptTimeout = TimeSpan.FromSeconds(7);
        options.FirstContentTimeout = TimeSpan.FromSeconds(3);
        options.MaxAttempts = 4;
        options.HttpClient = client;

        PoolSettings settings = ConfigurationResolver.ForPool(options).Settings;

        Assert.Equal((0.3f, 30), (settings.Temperature, settings.MaxOutputTokens));
        Assert.Equal((TimeSpan.Zero, TimeSpan.FromSeconds(7), TimeSpan.FromSeconds(3), 4), (settings.MaxWait, settings.AttemptTimeout, settings.FirstContentTimeout, settings.MaxAttempts));
        Assert.Equal(5, settings.MaxWaiting);
        Assert.Same(client, settings.HttpClient);
        EndpointSettings endpoint = Assert.Single(settings.Endpoints);
        Assert.Equal(("2025-01-01-preview", 0.3f, 30), (endpoint.ApiVersion, endpoint.Temperature, endpoint.MaxOutputTokens));
    }

    [Fact]
    public void ForPool_InfiniteFirstContentTimeout_IsNone()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        options.FirstContentTimeout = Timeout.InfiniteTimeSpan;

        Assert.Null(ConfigurationResolver.ForPool(options).Settings.FirstContentTimeout);
    }

    [Fact]
    public void ForPool_LaterChangesToTheOptions_AreNotObserved()
    {
        EndpointOptions endpoint = Given.Endpoint(configure: e => e.Deployments["a"] = "b");
        RoundRobinOptions options = Given.Options(endpoint);

        EndpointSettings settings = ConfigurationResolver.ForPool(options).Settings.Endpoints[0];
        endpoint.Deployments.Clear();
        options.Endpoints.Clear();

        Assert.Equal("b", settings.Deployments["A"]);
    }

    [Fact]
    public void ForPool_ReadsNoVariable()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        options.DeploymentName = null;

        Assert.Equal(
            "Endpoint 1: no deployment is named; name one at the endpoint (azure_deployment or model, in code EndpointOptions.DeploymentName), or in RoundRobinOptions.DeploymentName.",
            Given.Fault(() => ConfigurationResolver.ForPool(options)));
    }

    [Fact]
    public void ForEnvironment_NoDeploymentAnywhere_IsOneFaultForAllWithTheThreePlaces()
    {
        string json = $"[{Given.Entry("\"name\":\"a\"", "https://a.example")},{Given.Entry("\"model\":\"m\"", "https://b.example")},{Given.Entry(address: "https://c.example")}]";

        Assert.Equal(
            "Endpoint 1 ('a'), Endpoint 3: no deployment is named; name one at the endpoint (azure_deployment or model, in code EndpointOptions.DeploymentName), "
            + "in RoundRobinOptions.DeploymentName, or in AZURE_OPENAI_DEPLOYMENT.",
            Given.Fault(() => Given.Read(Form.Json, json, new RoundRobinOptions())));
    }

    [Fact]
    public void ForServices_HttpClientName_IsMadeOnce()
    {
        using HttpClient client = new();
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        options.HttpClientName = "azure";
        List<string> made = [];

        Resolution resolution = ConfigurationResolver.ForServices(options, default, null, null, Make, Given.Environment());

        Assert.Same(client, resolution.Settings.HttpClient);
        Assert.Equal(["azure"], made);

        HttpClient Make(string name)
        {
            made.Add(name);
            return client;
        }
    }

    [Theory]
    [InlineData(100, 100, false)]
    [InlineData(100, 99, true)]
    [InlineData(-0.001, 1000, true)]
    [InlineData(100, -0.001, false)]
    public void ForPool_HttpClientWithAShorterTimeout_Warns(double attempt, double client, bool warns)
    {
        using HttpClient httpClient = new() { Timeout = TimeSpan.FromSeconds(client) };
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        (options.HttpClient, options.AttemptTimeout) = (httpClient, TimeSpan.FromSeconds(attempt));

        Assert.Equal(
            warns ? [$"The HttpClient's Timeout is {httpClient.Timeout} and would cut AttemptTimeout short; set it to Timeout.InfiniteTimeSpan."] : [],
            ConfigurationResolver.ForPool(options).Warnings);
    }

    [Fact]
    public void ForServices_KeyedWithFaults_NamesTheRegistration()
    {
        OptionsValidationException exception = Assert.Throws<OptionsValidationException>(
            () => Given.Services(new RoundRobinOptions { Enabled = true }, registration: Registration.Keyed("advanced")));

        Assert.Equal("advanced", exception.OptionsName);
        Assert.StartsWith("Registration 'advanced': There are no endpoints;", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ForPool_ManyFaults_AreSaidAtOnce()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint("http://a.example"), Given.Endpoint("https://b.example", e => e.Weight = 0));
        options.MaxAttempts = 0;

        OptionsValidationException exception = Assert.Throws<OptionsValidationException>(() => ConfigurationResolver.ForPool(options));

        Assert.Equal(
            "MaxAttempts is 0; it must be 1 or more.; "
            + "Endpoint 1: Endpoint is http to another machine, where a key would travel in clear text; use https.; "
            + "Endpoint 2: Weight is 0; it must be 1 to 100.",
            exception.Message);
        Assert.Equal(3, exception.Failures.Count());
        Assert.Equal(typeof(RoundRobinOptions), exception.OptionsType);
        Assert.Equal(Options.DefaultName, exception.OptionsName);
    }

    [Fact]
    public void ForClients_OnlyTheOptionsAboutAttemptsCount()
    {
        using StubChatClient client = new();
        RoundRobinOptions options = new()
        {
            DeploymentName = "a/b",
            Temperature = 9,
            HttpClientName = "azure",
            ApiVersion = "?",
            MaxAttempts = 2,
            MaxWait = TimeSpan.FromSeconds(1),
            MaxWaiting = 5,
            AttemptTimeout = TimeSpan.FromSeconds(2),
            FirstContentTimeout = TimeSpan.FromSeconds(3),
        };
        options.Endpoints.Add(new EndpointOptions());

        PoolSettings settings = ConfigurationResolver.ForClients([client, client], options).Settings;

        Assert.Equal((TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(3), 2), (settings.MaxWait, settings.AttemptTimeout, settings.FirstContentTimeout, settings.MaxAttempts));
        Assert.Equal(5, settings.MaxWaiting);
        Assert.Null(settings.Temperature);
        Assert.All(settings.Endpoints, endpoint =>
        {
            Assert.Equal(EndpointKind.ReadyMade, endpoint.Kind);
            Assert.Same(client, endpoint.ChatClient);
            Assert.Null(endpoint.Deployment);
            Assert.Null(endpoint.Credential);
        });
    }

    [Fact]
    public void ForClients_WrongTimes_AreFaults()
    {
        using StubChatClient client = new();

        Assert.Single(Given.Faults(() => ConfigurationResolver.ForClients([client], new RoundRobinOptions { AttemptTimeout = TimeSpan.Zero })));
    }

    [Fact]
    public void ForClients_NoneOrNull_IsAnArgumentError()
    {
        Assert.Throws<ArgumentNullException>("clients", () => ConfigurationResolver.ForClients(null!));
        Assert.StartsWith("There are no clients.", Assert.Throws<ArgumentException>("clients", () => ConfigurationResolver.ForClients([])).Message, StringComparison.Ordinal);
        Assert.StartsWith(
            "One of the clients is null.", Assert.Throws<ArgumentException>("clients", () => ConfigurationResolver.ForClients(new IChatClient[] { null! })).Message, StringComparison.Ordinal);
    }
}
