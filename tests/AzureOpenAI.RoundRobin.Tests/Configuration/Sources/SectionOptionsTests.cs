using System.Reflection;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Sources;

/// <summary>A section by the names of the code, read by the library's own reader, and by .NET's binder into the options.</summary>
public sealed class SectionOptionsTests
{
    private const string Everything = $$"""
        {
          "RoundRobin": {
            "DeploymentName": "gpt-4o",
            "Api": "Chat",
            "ApiVersion": "2025-04-01-preview",
            "Temperature": 0.5,
            "MaxOutputTokens": 800,
            "CredentialScope": "https://ai.azure.com/.default",
            "Enabled": true,
            "MaxWait": "00:00:10",
            "MaxWaiting": 500,
            "AttemptTimeout": "00:01:30",
            "FirstContentTimeout": "00:00:05.5",
            "MaxAttempts": 3,
            "Affinity": "PromptCache",
            "ResumeStreams": true,
            "FallBackFromFlex": true,
            "MarkIds": false,
            "HttpClientName": "azure",
            "Endpoints": [
              {
                "Name": "sweden",
                "Endpoint": "https://contoso-sweden.openai.azure.com",
                "ApiKey": "{{Given.Key}}",
                "DeploymentName": "gpt-4o-sweden",
                "Deployments": { "gpt-4.1": "big" },
                "Api": "Chat",
                "ApiVersion": "2024-10-21",
                "Temperature": 0.7,
                "MaxOutputTokens": 400,
                "Weight": 3,
                "Priority": 1,
                "RequestsPerMinute": 600,
                "TokensPerMinute": 100000
              },
              { "Endpoint": "https://contoso-france.openai.azure.com" }
            ]
          }
        }
        """;

    /// <summary>What no text can say, and another source of endpoints, which <see cref="ConnectionStringTests"/> have.</summary>
    private static readonly string[] OnlyInCode = ["Credential", "AffinityKey", "ClassifyException", "Backplane", "HttpClient", "ChatClient", "EmbeddingGenerator", "ConnectionNames"];

    public enum Registered
    {
        Section,
        KeyedSection,
        Bound,
        KeyedBound,
    }

    [Theory]
    [InlineData(Registered.Section)]
    [InlineData(Registered.KeyedSection)]
    [InlineData(Registered.Bound)]
    [InlineData(Registered.KeyedBound)]
    public void EveryOption_ArrivesByItsName(Registered how)
    {
        PoolSettings settings = Resolve(how, Everything).Settings;

        Assert.Equal(
            (0.5f, 800, TimeSpan.FromSeconds(10), 500, TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(5.5), 3, EndpointAffinity.PromptCache, "azure"),
            (settings.Temperature!.Value, settings.MaxOutputTokens!.Value, settings.MaxWait, settings.MaxWaiting, settings.AttemptTimeout, settings.FirstContentTimeout!.Value, settings.MaxAttempts!.Value, settings.Affinity, settings.HttpClientName));
        Assert.Equal((true, true, false), (settings.ResumeStreams, settings.FallBackFromFlex, settings.MarkIds));
        EndpointSettings sweden = settings.Endpoints[0];
        Assert.Equal(
            ("sweden", "https://contoso-sweden.openai.azure.com/", Given.Key, "big", "2024-10-21", 3, 1, 600, 100_000),
            (sweden.Name, sweden.Address!.AbsoluteUri, sweden.ApiKey, sweden.Deployments["GPT-4.1"], sweden.ApiVersion, sweden.Weight, sweden.Priority, sweden.RequestsPerMinute ?? 600, sweden.TokensPerMinute ?? 100_000));
        EndpointSettings france = settings.Endpoints[1];
        Assert.Equal(("contoso-france", "gpt-4o", "2025-04-01-preview", "https://ai.azure.com/.default"), (france.Name, france.Deployment, france.ApiVersion, france.CredentialScope));
        Assert.Equal(how is Registered.KeyedSection or Registered.KeyedBound ? "gpt-4o" : "gpt-4o-sweden", sweden.Deployment);
    }

    /// <summary>A new option is in the text above, or it is one that only code can give.</summary>
    [Theory]
    [InlineData(typeof(RoundRobinOptions), "RoundRobin")]
    [InlineData(typeof(EndpointOptions), "RoundRobin:Endpoints:0")]
    public void EveryOption_IsInTheTextOfThisTest_AndKnown(Type type, string path)
    {
        string[] written = [.. Given.JsonConfiguration(Everything).GetSection(path).GetChildren().Select(static child => child.Key)];
        string[] options = [.. type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(static property => property.Name).Except(OnlyInCode)];

        Assert.Equal(options.Order(StringComparer.Ordinal), written.Order(StringComparer.Ordinal));
        Assert.All(options, name => Assert.True(type == typeof(RoundRobinOptions) ? SectionOptions.IsKnown(name) : EntryFieldNames.Find(name) is not null, name));
    }

    [Fact]
    public void EveryOption_GivenAlone_ChangesThatOneOnly()
    {
        IConfigurationSection section = Given.JsonConfiguration(Everything).GetSection("RoundRobin");
        foreach (PropertyInfo property in typeof(RoundRobinOptions).GetProperties().Where(static property => property.Name != "Endpoints" && !OnlyInCode.Contains(property.Name)))
        {
            RoundRobinOptions options = new();
            options.Use(Given.Configuration(($"A:{property.Name.ToUpperInvariant()}", $" {section[property.Name]} ")).GetSection("A"));

            Assert.Equal(
                [property.Name],
                typeof(RoundRobinOptions).GetProperties().Where(other => other.Name is not ("Endpoints" or "ConnectionNames") && !Equals(other.GetValue(options), other.GetValue(new RoundRobinOptions()))).Select(static other => other.Name));
        }
    }

    [Theory]
    [InlineData("MaxWait", "ten", "MaxWait is not a time; write hours, minutes and seconds, like 00:00:10.")]
    [InlineData("MaxWait", "10", "MaxWait is not a time; write hours, minutes and seconds, like 00:00:10.")]
    [InlineData("MaxWait", "10s", "MaxWait is not a time; write hours, minutes and seconds, like 00:00:10.")]
    [InlineData("attempttimeout", "1.5", "attempttimeout is not a time; write hours, minutes and seconds, like 00:00:10.")]
    [InlineData("FirstContentTimeout", "PT5S", "FirstContentTimeout is not a time; write hours, minutes and seconds, like 00:00:10.")]
    [InlineData("Temperature", "0,5", "Temperature is not a number; write it like 0.7.")]
    [InlineData("MaxOutputTokens", "8k", "MaxOutputTokens is not a whole number; write digits only.")]
    [InlineData("MaxAttempts", "2.5", "MaxAttempts is not a whole number; write digits only.")]
    [InlineData("Affinity", "Sticky", "Affinity must be None, PromptCache or Conversation.")]
    [InlineData("Affinity", "7", "Affinity must be None, PromptCache or Conversation.")]
    [InlineData("Enabled", "perhaps", "Enabled is 'perhaps'; set it to true, 1, yes or on, or to false, 0, no or off.")]
    [InlineData("Enabled", Given.Key, "Enabled is neither on nor off; set it to true, 1, yes or on, or to false, 0, no or off.")]
    [InlineData("MaxWait:Seconds", "10", "MaxWait is an object or an array; write one value.")]
    [InlineData("DeploymentName:0", "gpt-4o", "DeploymentName is an object or an array; write one value.")]
    public void AWrongValue_IsAFaultWithItsName(string name, string value, string expected)
    {
        IConfiguration section = Given.Configuration(
            ($"Pool:{name}", value), ("Pool:Endpoints:0:Endpoint", Given.Address), ("Pool:Endpoints:0:ApiKey", Given.Key)).GetSection("Pool");

        Assert.Equal("The configuration section 'Pool': " + expected, Given.Fault(() => Given.Services(section: section)));
    }

    [Theory]
    [InlineData("MaxWait", "02:00:00", "MaxWait is 02:00:00; it must be from zero to 01:00:00.")]
    [InlineData("Temperature", "3", "Temperature is 3; it must be 0 to 2.")]
    [InlineData("MaxAttempts", "0", "MaxAttempts is 0; it must be 1 or more.")]
    [InlineData("Endpoints:0:Weight", "0", "Endpoint 1: Weight is 0; it must be 1 to 100.")]
    [InlineData("Endpoints:0:MaxOutputTokens", "many", "Endpoint 1: MaxOutputTokens is not a whole number; write digits only.")]
    [InlineData("Endpoints:0:max_tokens", "many", "Endpoint 1: max_tokens is not a whole number; write digits only.")]
    [InlineData("Endpoints:0:RequestsPerMinute", "0", "Endpoint 1: RequestsPerMinute is 0; it must be 1 or more.")]
    [InlineData("Endpoints:0:AZURE_OPENAI_API_KEY", "another", "Endpoint 1: ApiKey is given twice, as AZURE_OPENAI_API_KEY too; keep one.")]
    [InlineData("Endpoints:0:ApiVersion", "a/b", "Endpoint 1: ApiVersion is not an api-version; write it like 2024-10-21 or 2025-04-01-preview.")]
    [InlineData("Endpoints:1:Endpoint", "https://west.openai.azure.com", "Endpoint 2: ApiKey is missing; give the key of the resource, or set RoundRobinOptions.Credential in code.")]
    [InlineData("Endpoints:1:Name", "west", "Endpoint 2 ('west'): AZURE_OPENAI_ENDPOINT is missing;", "Endpoint 2 ('west'): AZURE_OPENAI_API_KEY is missing;")]
    public void AFault_HasTheNameThatTheUserWrote(string name, string value, params string[] expected)
    {
        ServiceCollection services = [];
        services.AddAzureOpenAIRoundRobin(Given.Configuration(
            ("Pool:DeploymentName", "m"), ("Pool:Endpoints:0:Endpoint", Given.Address), ("Pool:Endpoints:0:ApiKey", Given.Key), ($"Pool:{name}", value)).GetSection("Pool"));
        using ServiceProvider provider = services.BuildServiceProvider();

        string[] faults = [.. Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IOptionsMonitor<RoundRobinOptions>>().CurrentValue).Failures];

        Assert.Equal(expected.Length, faults.Length);
        Assert.All(expected.Zip(faults), static pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("MaxWate", "the name 'MaxWate' is unknown and ignored; did you mean MaxWait?")]
    [InlineData("max_wait", "the name 'max_wait' is unknown and ignored; did you mean MaxWait?")]
    [InlineData("Deployment", "the name 'Deployment' is unknown and ignored; did you mean DeploymentName?")]
    [InlineData("Endpoint", "the name 'Endpoint' is unknown and ignored; did you mean Endpoints?")]
    [InlineData("Region", "the name 'Region' is unknown and ignored.")]
    [InlineData("Credential", "Credential can be given in code only, and is ignored.")]
    [InlineData("httpclient", "httpclient can be given in code only, and is ignored.")]
    [InlineData("0123456789abcdef0123456789ABCDEF", "a name of 32 characters, not shown since it could be a key, is unknown and ignored.")]
    [InlineData("Endpoints:0:Region", "Endpoint 1: the name 'Region' is unknown and ignored.")]
    [InlineData("Endpoints:0:Url", "Endpoint 1: the name 'Url' is unknown and ignored; did you mean Endpoint?")]
    [InlineData("Endpoints:0:Credential", "Endpoint 1: the name 'Credential' can be given in code only, and is ignored.")]
    public void AnUnknownName_IsWarnedOf(string name, string expected)
    {
        IConfiguration section = Given.Configuration(
            ($"Pool:{name}", "x"), ("Pool:Endpoints:0:Endpoint", Given.Address), ("Pool:Endpoints:0:ApiKey", Given.Key)).GetSection("Pool");

        Assert.EndsWith(expected, Assert.Single(Given.Services(section: section).Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void ARoot_HoldsTheWholeApp_SoOnlyVariablesAreReadThere()
    {
        IConfiguration root = Given.JsonConfiguration($$"""{ "MaxWait": "ten", "Endpoints": [ "a" ], "Logging": {}, "AZURE_OPENAI_ROUND_ROBIN_CONNECTION": [ {{Given.Entry()}} ] }""");

        Assert.Empty(Given.Services(section: root).Warnings);
    }

    [Fact]
    public void EndpointsAndTheConnection_TheEndpointsAreUsed_WithAWarning()
    {
        IConfiguration section = Given.JsonConfiguration($$"""{ "A": { "Endpoints": [ {{Given.Entry(address: "https://west.example")}} ], "AZURE_OPENAI_ROUND_ROBIN_CONNECTION": [ {{Given.Entry()}} ] } }""").GetSection("A");

        Resolution resolution = Given.Services(section: section);

        Assert.Equal("west", Assert.Single(resolution.Settings.Endpoints).Name);
        Assert.Equal("The configuration section 'A' has Endpoints and AZURE_OPENAI_ROUND_ROBIN_CONNECTION; Endpoints is used.", Assert.Single(resolution.Warnings));
    }

    [Fact]
    public void Code_TakesPrecedence_AlsoWithTheValueThatIsTheDefault()
    {
        Resolution resolution = Resolve(Registered.Section, Everything, static options => (options.MaxWait, options.Affinity, options.DeploymentName) = (TimeSpan.FromSeconds(30), EndpointAffinity.None, "other"));

        Assert.Equal((TimeSpan.FromSeconds(30), EndpointAffinity.None), (resolution.Settings.MaxWait, resolution.Settings.Affinity));
        Assert.Equal("other", resolution.Settings.Endpoints[1].Deployment);
    }

    [Fact]
    public void Enabled_False_TurnsTheSectionOff()
    {
        IConfiguration section = Given.JsonConfiguration($$"""{ "A": { "Enabled": "off", "DeploymentName": "m", "Endpoints": [ {{Given.Entry()}} ] } }""").GetSection("A");
        RoundRobinOptions options = new();
        options.Use(section);

        Assert.False(Given.Services(options, section: section).IsEnabled);
    }

    [Fact]
    public void Json_HasTheNamesOfTheCode_Too()
    {
        EndpointSettings endpoint = Assert.Single(Given.Read(Form.Json, $$"""[{ "endpoint": "{{Given.Address}}", "apiKey": "{{Given.Key}}", "DeploymentName": "m", "maxOutputTokens": 7 }]""").Settings.Endpoints);

        Assert.Equal(("east", Given.Key, "m", 7), (endpoint.Name, endpoint.ApiKey, endpoint.Deployment, endpoint.MaxOutputTokens!.Value));
    }

    private static Resolution Resolve(Registered how, string json, Action<RoundRobinOptions>? configure = null)
    {
        IConfigurationSection section = Given.JsonConfiguration(json).GetSection("RoundRobin");
        ServiceCollection services = [];
        services.AddHttpClient("azure").ConfigurePrimaryHttpMessageHandler(static () => new SocketsHttpHandler { AllowAutoRedirect = false }).ConfigureHttpClient(static client => client.Timeout = Timeout.InfiniteTimeSpan);
        void Configure(RoundRobinOptions options)
        {
            options.Credential = new StubCredential();
            configure?.Invoke(options);
        }

        _ = how switch
        {
            Registered.Section => services.AddAzureOpenAIRoundRobin(section, Configure),
            Registered.KeyedSection => services.AddKeyedAzureOpenAIRoundRobin("key", section, Configure),
            Registered.Bound => services.Configure<RoundRobinOptions>(section).AddAzureOpenAIRoundRobin(Configure),
            _ => services.Configure<RoundRobinOptions>("key", section).AddKeyedAzureOpenAIRoundRobin("key", Configure),
        };
        using ServiceProvider provider = services.BuildServiceProvider();
        Resolution resolution = provider.GetRequiredKeyedService<Resolution>(how is Registered.Section or Registered.Bound ? Options.DefaultName : "key");
        Assert.Empty(resolution.Warnings);
        return resolution;
    }
}
