using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Sources;

/// <summary>Connections as Aspire hands them out: by one name, by several, in configuration and in the environment.</summary>
public sealed class ConnectionStringTests
{
    private const string East = $"Endpoint={Given.Address}/;Key={Given.Key};Deployment=gpt-4o";

    [Theory]
    [InlineData(East, "gpt-4o", Given.Key)]
    [InlineData($" endpoint = {Given.Address} ; KEY = {Given.Key} ; deployment = gpt-4o ; ", "gpt-4o", Given.Key)]
    [InlineData($"Endpoint={Given.Address};ApiKey={Given.Key};DeploymentName=gpt-4o", "gpt-4o", Given.Key)]
    [InlineData($"Endpoint={Given.Address};AccessKey={Given.Key};DeploymentId=chat;Model=gpt-4o", "chat", Given.Key)]
    [InlineData($"Endpoint={Given.Address};Key={Given.Key};Model=gpt-4o", "gpt-4o", Given.Key)]
    [InlineData($"Endpoint={Given.Address};Deployment=gpt-4o", "gpt-4o", null)]
    [InlineData($"Endpoint={Given.Address};Key=;Deployment=gpt-4o", "gpt-4o", null)]
    [InlineData($"Endpoint={Given.Address};EndpointAIInference=https://east.services.ai.azure.com/models", "base", null)]
    [InlineData($"Endpoint={Given.Address}/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21", "gpt-4o", null)]
    [InlineData(Given.Address, "base", null)]
    [InlineData(Given.Address + "/?api-version=2024-10-21", "base", null)]
    [InlineData($"Endpoint={Given.Address};Key=dGhpcyBpcyBhIHNlY3JldA==;Deployment=gpt-4o", "gpt-4o", "dGhpcyBpcyBhIHNlY3JldA==")]
    public void AConnection_IsOneEndpointOfItsName(string text, string deployment, string? key)
    {
        StubCredential credential = new();
        foreach (bool fromEnvironment in new[] { false, true })
        {
            RoundRobinOptions options = new() { Credential = credential, DeploymentName = "base" };
            options.ConnectionNames.Add(" chat ");
            (string Name, string? Value) variable = (fromEnvironment ? "ConnectionStrings__chat" : "ConnectionStrings:chat", text);

            Resolution resolution = fromEnvironment ? ConfigurationResolver.ForEnvironment(options, environment: Given.Environment(variable)) : Given.Services(options, Given.Configuration(variable));

            EndpointSettings endpoint = Assert.Single(resolution.Settings.Endpoints);
            Assert.Equal(("chat", "east.openai.azure.com", deployment, key), (endpoint.Name, endpoint.Address!.Host, endpoint.Deployment, endpoint.ApiKey));
            Assert.Equal(key is null ? credential : null, endpoint.Credential);
            Assert.True(resolution.IsEnabled);
            Assert.Empty(resolution.Warnings);
        }
    }

    [Fact]
    public void SeveralNames_AreSeveralEndpointsInTheirOrder()
    {
        RoundRobinOptions options = new();
        options.ConnectionNames.Add("west");
        options.ConnectionNames.Add("endpoint");

        Resolution resolution = Given.Services(options, Given.Configuration(("ConnectionStrings:west", East.Replace("east", "west", StringComparison.Ordinal)), ("ConnectionStrings:endpoint", East)));

        Assert.Equal(["west", "endpoint"], resolution.Settings.Endpoints.Select(static endpoint => endpoint.Name));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheNames_MayStandInTheSection(bool keyed)
    {
        IConfiguration configuration = Given.JsonConfiguration($$"""{ "ConnectionStrings": { "a": "{{East}}", "b": "{{East.Replace("east", "west", StringComparison.Ordinal)}}" }, "Pool": { "MaxWait": "00:00:01", "ConnectionNames": [ "a", "b" ] } }""");
        ServiceCollection services = [];
        services.AddSingleton(configuration);
        _ = keyed ? services.AddKeyedAzureOpenAIRoundRobin("key", configuration.GetSection("Pool")) : services.AddAzureOpenAIRoundRobin(configuration.GetSection("Pool"));
        using ServiceProvider provider = services.BuildServiceProvider();

        Resolution resolution = provider.GetRequiredKeyedService<Resolution>(keyed ? "key" : Options.DefaultName);

        Assert.Equal((true, TimeSpan.FromSeconds(1)), (resolution.IsEnabled, resolution.Settings.MaxWait));
        Assert.Equal(["a", "b"], resolution.Settings.Endpoints.Select(static endpoint => endpoint.Name));
        Assert.Empty(resolution.Warnings);
    }

    [Fact]
    public void TheSection_MayBeTheConnection() =>
        Assert.Equal("east", Assert.Single(Given.Services(section: Given.Configuration(("ConnectionStrings:chat", East)).GetSection("ConnectionStrings:chat")).Settings.Endpoints).Name);

    [Fact]
    public void TheVariable_MayBeAConnection() => Assert.Equal("east", Assert.Single(Given.Read(Form.Json, East).Settings.Endpoints).Name);

    [Theory]
    [InlineData(null, "ConnectionStrings:chat is missing or is JSON; set it to Endpoint=...;Key=...;Deployment=..., where without a key the credential is used.")]
    [InlineData(" ", "ConnectionStrings:chat is missing or is JSON;")]
    [InlineData("[{}]", "ConnectionStrings:chat is missing or is JSON;")]
    [InlineData($"Endpoint={Given.Address};Deployment=gpt-4o", "Endpoint 1 ('chat'): ApiKey is missing; give the key of the resource, or set RoundRobinOptions.Credential in code.")]
    [InlineData($"Key={Given.Key};Deployment=gpt-4o", "Endpoint 1 ('chat'): Endpoint is missing;")]
    [InlineData($"Endpoint=east;Key={Given.Key}", "Endpoint 1 ('chat'): Endpoint is not an absolute address;")]
    [InlineData($"Endpoint={Given.Address};Key=<your-key>", "Endpoint 1 ('chat'): ApiKey is still a placeholder;")]
    [InlineData($"Endpoint={Given.Address};Key={Given.Key};Key={Given.Key}", "Endpoint 1 ('chat'): ApiKey is given twice; keep one.")]
    [InlineData($"Url={Given.Address};Key={Given.Key}", "Endpoint 1 ('chat'): Endpoint is missing; the name 'Url' is unknown; did you mean Endpoint?")]
    public void AFault_SaysWhatToDo(string? text, string expected)
    {
        RoundRobinOptions options = new() { DeploymentName = "m" };
        options.ConnectionNames.Add("chat");

        Assert.StartsWith(expected, Given.Fault(() => Given.Services(options, Given.Configuration(("ConnectionStrings:chat", text)))), StringComparison.Ordinal);
    }

    [Fact]
    public void AnUnknownName_IsWarnedOf()
    {
        RoundRobinOptions options = new();
        options.ConnectionNames.Add("chat");

        Assert.Equal("Endpoint 1: the name 'Region' is unknown and ignored.", Assert.Single(Given.Services(options, Given.Configuration(("ConnectionStrings:chat", East + ";Region=x"))).Warnings));
    }

    [Fact]
    public void EndpointsInCode_TakePrecedence_WithAWarning()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        options.ConnectionNames.Add("chat");

        Assert.Equal("ConnectionNames is not used, since endpoints are given in code.", Assert.Single(Given.Services(options).Warnings));
    }

    [Fact]
    public void Names_TakePrecedenceOverTheSectionsEndpoints_WithAWarning()
    {
        RoundRobinOptions options = new();
        options.ConnectionNames.Add("chat");
        IConfiguration configuration = Given.JsonConfiguration($$"""{ "ConnectionStrings": { "chat": "{{East}}" }, "Pool": { "Endpoints": [ {{Given.Entry(address: "https://west.example")}} ] } }""");

        Resolution resolution = Given.Services(options, configuration, configuration.GetSection("Pool"));

        Assert.Equal("chat", Assert.Single(resolution.Settings.Endpoints).Name);
        Assert.Equal("The configuration section 'Pool' has ConnectionNames and endpoints; ConnectionNames is used.", Assert.Single(resolution.Warnings));
    }

    [Fact]
    public void Off_WithOneName_UsesIt()
    {
        RoundRobinOptions options = new() { Enabled = false };
        options.ConnectionNames.Add("chat");

        Resolution resolution = Given.Services(options, Given.Configuration(("ConnectionStrings:chat", East)));

        Assert.Equal((false, "chat"), (resolution.IsEnabled, Assert.Single(resolution.Settings.Endpoints).Name));
    }

    [Fact]
    public void Constructors_ReadNoConfiguration_AndSaySo()
    {
        RoundRobinOptions options = new();
        options.ConnectionNames.Add("chat");

        Assert.Equal("ConnectionStrings:chat is missing or is JSON; the constructors read no configuration, so use Endpoints there.", Given.Fault(() => ConfigurationResolver.ForPool(options)));
    }

    [Fact]
    public void AnEmptyName_IsAFault()
    {
        RoundRobinOptions options = new();
        options.ConnectionNames.Add(" ");

        Assert.Equal("ConnectionNames has an empty name; give that of a connection string.", Given.Fault(() => Given.Services(options)));
    }
}
