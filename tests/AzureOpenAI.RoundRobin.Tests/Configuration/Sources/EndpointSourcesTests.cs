using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using Microsoft.Extensions.Configuration;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Sources;

public sealed class EndpointSourcesTests
{
    private const string Connection = VariableNames.Connection;
    private const string Switch = VariableNames.Switch;

    // enabled: RoundRobinOptions.Enabled; code: how many endpoints it gives; the single endpoint's variables are always set.
    [Theory]
    [InlineData(null, 0, false, null, false, "off", 0)]
    [InlineData(null, 0, false, null, true, "off", 1)]
    [InlineData(null, 0, false, "true", true, "variable", 0)]
    [InlineData(null, 0, false, "false", true, "off", 0)]
    [InlineData(null, 0, true, null, true, "section", 0)]
    [InlineData(null, 0, true, "false", true, "section", 0)]
    [InlineData(null, 1, true, "false", true, "code", 0)]
    [InlineData(null, 2, false, "nonsense", false, "code", 0)]
    [InlineData(true, 0, false, "false", true, "variable", 0)]
    [InlineData(true, 0, true, "false", true, "section", 0)]
    [InlineData(true, 2, true, null, true, "code", 0)]
    [InlineData(true, 0, false, "nonsense", true, "variable", 0)]
    [InlineData(false, 0, false, "true", true, "off", 0)]
    [InlineData(false, 0, true, "true", true, "off", 0)]
    [InlineData(false, 2, false, "true", true, "off", 1)]
    [InlineData(false, 1, false, "true", true, "off code", 0)]
    public void ForServices_TheSwitch(bool? enabled, int code, bool section, string? value, bool connection, string expected, int warnings)
    {
        RoundRobinOptions options = new() { DeploymentName = "m", Enabled = enabled };
        for (int i = 0; i < code; i++)
        {
            options.Endpoints.Add(Given.Endpoint($"https://code.example/{i}"));
        }

        Func<string, string?> environment = Given.Environment(
            (Switch, value),
            (Connection, connection ? $"[{Given.Entry(address: "https://variable.example/1")},{Given.Entry(address: "https://variable.example/2")}]" : null),
            (VariableNames.Endpoint, "https://single.example"),
            (VariableNames.ApiKey, Given.Key));
        IConfiguration? given = section
            ? Given.JsonConfiguration($$"""{"A":[{{Given.Entry(address: "https://section.example/1")}},{{Given.Entry(address: "https://section.example/2")}}]}""").GetSection("A")
            : null;

        Resolution resolution = Given.Services(options, section: given, environment: environment);

        string name = resolution.Settings.Endpoints[0].Name;
        Assert.Equal(expected, resolution.IsEnabled ? name : name == "single" ? "off" : "off " + name);
        Assert.Equal(warnings, resolution.Warnings.Count);
        Assert.True(resolution.IsEnabled || resolution.Settings.Endpoints.Count == 1);
    }

    [Theory]
    [InlineData("true", true)]
    [InlineData(" TRUE\n", true)]
    [InlineData("1", true)]
    [InlineData("Yes", true)]
    [InlineData("oN", true)]
    [InlineData("false", false)]
    [InlineData("0", false)]
    [InlineData("NO", false)]
    [InlineData("off", false)]
    public void ForSwitch_EverySpelling(string value, bool expected)
    {
        Assert.Equal(expected, ConfigurationResolver.ForSwitch(new RoundRobinOptions { DeploymentName = "m" }, environment: Both(value)).IsEnabled);
    }

    [Theory]
    [InlineData("maybe", "USE_AZURE_OPENAI_ROUND_ROBIN is 'maybe'; set it to true, 1, yes or on, or to false, 0, no or off.")]
    [InlineData("twenty-characters-ok", "USE_AZURE_OPENAI_ROUND_ROBIN is 'twenty-characters-ok'; set it to true, 1, yes or on, or to false, 0, no or off.")]
    [InlineData("twenty-one-characters", "USE_AZURE_OPENAI_ROUND_ROBIN is neither on nor off; set it to true, 1, yes or on, or to false, 0, no or off.")]
    [InlineData("2", "USE_AZURE_OPENAI_ROUND_ROBIN is '2'; set it to true, 1, yes or on, or to false, 0, no or off.")]
    [InlineData("0123456789abcdef0123456789ABCDEF", "USE_AZURE_OPENAI_ROUND_ROBIN is neither on nor off; set it to true, 1, yes or on, or to false, 0, no or off.")]
    [InlineData("a\nb", "USE_AZURE_OPENAI_ROUND_ROBIN is neither on nor off; set it to true, 1, yes or on, or to false, 0, no or off.")]
    public void ForSwitch_NeitherOnNorOff_IsAFault(string value, string expected)
    {
        Assert.Equal(expected, Given.Fault(() => ConfigurationResolver.ForSwitch(new RoundRobinOptions { DeploymentName = "m" }, environment: Both(value))));
        Assert.Equal(expected, Given.Fault(() => ConfigurationResolver.ForSwitch(new RoundRobinOptions { DeploymentName = "m" }, environment: Given.Environment((Switch, value)))));
    }

    [Fact]
    public void ForSwitch_UnreadableSwitch_DoesNotHideFaultsOfTheEndpoints()
    {
        Func<string, string?> environment = Given.Environment((Switch, "maybe"), (Connection, "[{}]"));

        Assert.Equal(3, Given.Faults(() => ConfigurationResolver.ForSwitch(new RoundRobinOptions { DeploymentName = "m" }, environment: environment)).Length);
    }

    [Fact]
    public void ForSwitch_ConnectionWithoutSwitch_WarnsAndNamesTheVariable()
    {
        Resolution resolution = ConfigurationResolver.ForSwitch(new RoundRobinOptions { DeploymentName = "m" }, environment: Both(null));

        Assert.Equal(
            "AZURE_OPENAI_ROUND_ROBIN_CONNECTION is set but USE_AZURE_OPENAI_ROUND_ROBIN is not, so the round-robin is off; set USE_AZURE_OPENAI_ROUND_ROBIN to true to use it.",
            Assert.Single(resolution.Warnings));
    }

    [Fact]
    public void ForSwitch_OffAndConnectionBroken_DoesNotReadIt()
    {
        Func<string, string?> environment = Given.Environment(
            (Connection, "garbage"), (VariableNames.Endpoint, "https://single.example"), (VariableNames.ApiKey, Given.Key), (VariableNames.Deployment, "m"));

        Assert.False(ConfigurationResolver.ForSwitch(new RoundRobinOptions(), environment: environment).IsEnabled);
    }

    [Fact]
    public void ForSwitch_Off_SettlesTheSingleEndpoint()
    {
        RoundRobinOptions options = new() { Temperature = 0.2f, MaxOutputTokens = 9 };
        Func<string, string?> environment = Given.Environment(
            (VariableNames.Endpoint, "https://single.example"), (VariableNames.ApiKey, Given.Key),
            (VariableNames.Deployment, "gpt-4o"), (VariableNames.ApiVersion, "2025-04-01-preview"));

        EndpointSettings endpoint = Assert.Single(ConfigurationResolver.ForSwitch(options, environment: environment).Settings.Endpoints);

        Assert.Equal(("single", "gpt-4o", "2025-04-01-preview", 0.2f, 9), (endpoint.Name, endpoint.Deployment, endpoint.ApiVersion, endpoint.Temperature, endpoint.MaxOutputTokens));
    }

    [Fact]
    public void ForSwitch_OffWithoutEndpoint_SaysWhatToSet()
    {
        Assert.Equal(
            "The round-robin is off, which takes exactly one endpoint, but none is given; "
            + "set AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_API_KEY, give one endpoint in code, or set USE_AZURE_OPENAI_ROUND_ROBIN to true.",
            Given.Fault(() => ConfigurationResolver.ForSwitch(new RoundRobinOptions { DeploymentName = "m" }, environment: Given.Environment())));
    }

    [Fact]
    public void ForSwitch_OffWithoutEndpointButWithTheConnection_SaysWhyItIsNotUsed() => Assert.Equal(
        "AZURE_OPENAI_ROUND_ROBIN_CONNECTION is set but USE_AZURE_OPENAI_ROUND_ROBIN is not. The round-robin is off, which takes exactly one endpoint, but none is given; "
        + "set AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_API_KEY, give one endpoint in code, or set USE_AZURE_OPENAI_ROUND_ROBIN to true.",
        Given.Fault(() => ConfigurationResolver.ForSwitch(new RoundRobinOptions { DeploymentName = "m" }, environment: Given.Environment((Connection, $"[{Given.Entry()}]")))));

    [Fact]
    public void ForServices_WhichSourceIsUsed_IsInTheFaultOfThatSource()
    {
        IConfiguration configuration = Given.Configuration((Connection, "[oops]"), ($"{Connection}:0:name", "a"), (Switch, "on"));

        Assert.Equal(
            "AZURE_OPENAI_ROUND_ROBIN_CONNECTION is not valid JSON at line 1, position 2; look there for a missing quote, comma, colon or bracket. "
            + "The configuration section 'Mispelt' has no endpoints; AZURE_OPENAI_ROUND_ROBIN_CONNECTION is used. "
            + "AZURE_OPENAI_ROUND_ROBIN_CONNECTION is given both as JSON text and as a section; the text is used.",
            Given.Fault(() => Given.Services(configuration: configuration, section: configuration.GetSection("Mispelt"))));
    }

    [Fact]
    public void ForSwitch_OffWithTwoInCode_SaysHowMany()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint("https://a.example"), Given.Endpoint("https://b.example"));
        options.Enabled = false;

        Assert.Contains("but 2 are given in code;", Given.Fault(() => ConfigurationResolver.ForSwitch(options, environment: Given.Environment())), StringComparison.Ordinal);
        IConfiguration one = Given.JsonConfiguration($$"""{"A":[{{Given.Entry()}}]}""").GetSection("A");
        Assert.Contains("but 2 are given in code;", Given.Fault(() => Given.Services(options, section: one)), StringComparison.Ordinal);
    }

    [Fact]
    public void ForSwitch_OffWithTwoInCodeAndTheVariable_SaysWhichIsUsed()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint("https://a.example"), Given.Endpoint("https://b.example"));
        options.Enabled = false;

        Resolution resolution = ConfigurationResolver.ForSwitch(
            options, environment: Given.Environment((VariableNames.Endpoint, "https://single.example"), (VariableNames.ApiKey, Given.Key)));

        Assert.Equal(
            ["The round-robin is off and 2 endpoints are given in code; AZURE_OPENAI_ENDPOINT is used instead of them."], resolution.Warnings);
        Assert.Equal("single", Assert.Single(resolution.Settings.Endpoints).Name);
    }

    [Fact]
    public void ForSwitch_OffWithoutKey_NamesTheVariable()
    {
        Func<string, string?> environment = Given.Environment((VariableNames.Endpoint, "https://single.example"));

        Assert.StartsWith(
            "Endpoint 1: AZURE_OPENAI_API_KEY is missing;",
            Given.Fault(() => ConfigurationResolver.ForSwitch(new RoundRobinOptions { DeploymentName = "m" }, environment: environment)), StringComparison.Ordinal);
    }

    [Fact]
    public void ForServices_OffWithASectionOfOne_UsesIt()
    {
        IConfiguration section = Given.JsonConfiguration($$"""{"A":[{{Given.Entry()}}]}""").GetSection("A");

        Resolution resolution = Given.Services(new RoundRobinOptions { DeploymentName = "m", Enabled = false }, section: section);

        Assert.False(resolution.IsEnabled);
        Assert.Equal("east", Assert.Single(resolution.Settings.Endpoints).Name);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" \n")]
    public void ForEnvironment_NoEndpoints_SaysWhatToSet(string? connection)
    {
        Assert.Equal(
            "There are no endpoints; set AZURE_OPENAI_ROUND_ROBIN_CONNECTION to a JSON array of them, or add them to RoundRobinOptions.Endpoints.",
            Given.Fault(() => ConfigurationResolver.ForEnvironment(new RoundRobinOptions { DeploymentName = "m" }, environment: Given.Environment((Connection, connection)))));
    }

    [Fact]
    public void ForEnvironment_DoesNotReadTheSwitch()
    {
        RoundRobinOptions options = new() { DeploymentName = "m" };

        Assert.True(ConfigurationResolver.ForEnvironment(options, environment: Both("nonsense")).IsEnabled);
    }

    [Fact]
    public void ForEnvironment_EndpointsInCode_LeaveTheVariableUnread()
    {
        Resolution resolution = ConfigurationResolver.ForEnvironment(Given.Options(Given.Endpoint()), environment: Given.Environment((Connection, "garbage")));

        Assert.Equal("east", Assert.Single(resolution.Settings.Endpoints).Name);
    }

    [Fact]
    public void ForPool_NoEndpoints_SaysWhereToAddThem()
    {
        Assert.Equal("There are no endpoints; add them to RoundRobinOptions.Endpoints.", Given.Fault(() => ConfigurationResolver.ForPool(new RoundRobinOptions())));
    }

    [Fact]
    public void ForPool_TooManyEndpoints_IsAFault()
    {
        RoundRobinOptions options = Given.Options([.. Enumerable.Range(0, 4096).Select(i => Given.Endpoint($"https://e{i}.example"))]);
        Assert.Equal(4096, ConfigurationResolver.ForPool(options).Settings.Endpoints.Count);
        options.Endpoints.Add(Given.Endpoint());

        Assert.Equal("RoundRobinOptions.Endpoints has 4097 endpoints; give at most 4096.", Given.Fault(() => ConfigurationResolver.ForPool(options)));
    }

    private static Func<string, string?> Both(string? value) => Given.Environment(
        (Switch, value), (Connection, $"[{Given.Entry()}]"), (VariableNames.Endpoint, "https://single.example"), (VariableNames.ApiKey, Given.Key));

    [Theory]
    [InlineData("on", 0)]
    [InlineData("off", 1)]
    public void Renewed_TheSwitchIsOffMeanwhile_IsWarnedOfAndNothingElseIs(string later, int warnings)
    {
        string state = "on";
        Resolution resolution = Given.Services(environment: name => name switch
        {
            VariableNames.Connection => $"[{Given.Entry()}]",
            VariableNames.Switch => state,
            _ => null,
        });
        state = later;

        Resolution renewed = resolution.Renew(new RoundRobinOptions { DeploymentName = "gpt-4o" });

        Assert.True(renewed.IsEnabled);
        Assert.Equal(warnings, renewed.Warnings.Count(warning => warning.StartsWith("The configuration now turns the round-robin off.", StringComparison.Ordinal)));
        Assert.Equal(warnings, renewed.Warnings.Count);
    }
}
