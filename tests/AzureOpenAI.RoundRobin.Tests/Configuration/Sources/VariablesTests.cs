using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using Microsoft.Extensions.Configuration;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Sources;

public sealed class VariablesTests
{
    [Fact]
    public void Find_ConfigurationComesBeforeTheEnvironment()
    {
        Variables variables = new(
            [Given.Configuration(("A", " first "), ("B", " ")), Given.Configuration(("a", "second"), ("C", "second"))],
            Given.Environment(("A", "last"), ("B", " last\n"), ("C", "last")));

        Assert.Equal(["first", "last", "second", null], new[] { "A", "B", "C", "D" }.Select(variables.Find));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ForServices_ConnectionInConfiguration_MayBeTextOrASection(bool isText)
    {
        string array = $"[{Given.Entry()}]";
        string value = isText ? System.Text.Json.JsonSerializer.Serialize(array) : array;
        IConfiguration configuration = Given.JsonConfiguration($$"""
            { "azure_openai_round_robin_connection": {{value}}, "USE_AZURE_OPENAI_ROUND_ROBIN": true, "AZURE_OPENAI_DEPLOYMENT": "m" }
            """);

        Resolution resolution = Given.Services(new RoundRobinOptions(), configuration, environment: Given.Environment((VariableNames.Connection, "garbage")));

        Assert.True(resolution.IsEnabled);
        Assert.Equal(("east", "m"), (resolution.Settings.Endpoints[0].Name, resolution.Settings.Endpoints[0].Deployment));
    }

    [Fact]
    public void ForServices_ConnectionBothTextAndSection_TakesTheTextAndWarns()
    {
        IConfiguration configuration = Given.Configuration(
            (VariableNames.Connection + ":0:AZURE_OPENAI_ENDPOINT", "https://section.example"),
            (VariableNames.Connection, $"[{Given.Entry()}]"),
            (VariableNames.Switch, "on"));

        Resolution resolution = Given.Services(configuration: configuration);

        Assert.Equal("east", Assert.Single(resolution.Settings.Endpoints).Name);
        Assert.Equal("AZURE_OPENAI_ROUND_ROBIN_CONNECTION is given both as JSON text and as a section; the text is used.", Assert.Single(resolution.Warnings));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ForServices_SwitchAndConnectionInTheEnvironment_AreFound(bool hasConfiguration)
    {
        IConfiguration? configuration = hasConfiguration ? Given.Configuration(("Logging:LogLevel", "x"), (VariableNames.Connection, "")) : null;
        Func<string, string?> environment = Given.Environment((VariableNames.Connection, $"[{Given.Entry()}]"), (VariableNames.Switch, "1"));

        Resolution resolution = Given.Services(configuration: configuration, environment: environment);

        Assert.True(resolution.IsEnabled);
        Assert.Equal("east", Assert.Single(resolution.Settings.Endpoints).Name);
    }
}
