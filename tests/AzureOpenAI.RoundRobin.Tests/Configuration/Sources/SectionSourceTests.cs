using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using Microsoft.Extensions.Configuration;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Sources;

public sealed class SectionSourceTests
{
    [Fact]
    public void ForServices_SectionHoldsJsonText_IsRead()
    {
        IConfiguration section = Given.Configuration(("Pool:Endpoints", $"[{Given.Entry()}]")).GetSection("Pool:Endpoints");

        Assert.Equal("east", Assert.Single(Given.Services(section: section).Settings.Endpoints).Name);
    }

    [Fact]
    public void ForServices_SectionHoldsTheNames_TheyAreLookedUpThereFirst()
    {
        IConfiguration section = Given.JsonConfiguration($$"""
            {
              "AzureOpenAI": {
                "AZURE_OPENAI_ROUND_ROBIN_CONNECTION": [ {{Given.Entry()}} ],
                "AZURE_OPENAI_DEPLOYMENT": "inner",
                "Something": "else"
              }
            }
            """).GetSection("AzureOpenAI");
        IConfiguration configuration = Given.Configuration(
            (VariableNames.Deployment, "outer"), (VariableNames.ApiVersion, "2025-01-01-preview"), (VariableNames.Connection, "garbage"), (VariableNames.Switch, "off"));

        Resolution resolution = Given.Services(new RoundRobinOptions(), configuration, section);

        EndpointSettings endpoint = Assert.Single(resolution.Settings.Endpoints);
        Assert.True(resolution.IsEnabled);
        Assert.Equal(("inner", "2025-01-01-preview"), (endpoint.Deployment, endpoint.ApiVersion));
        Assert.Equal("The configuration section 'AzureOpenAI': the name 'Something' is unknown and ignored.", Assert.Single(resolution.Warnings));
    }

    [Fact]
    public void ForServices_SectionSwitchesItselfOff_IsOff()
    {
        IConfiguration section = Given.JsonConfiguration($$"""
            {
              "AZURE_OPENAI_ROUND_ROBIN_CONNECTION": [ {{Given.Entry(address: "https://a.example")}}, {{Given.Entry(address: "https://b.example")}} ],
              "USE_AZURE_OPENAI_ROUND_ROBIN": "false",
              "AZURE_OPENAI_ENDPOINT": "https://single.example",
              "AZURE_OPENAI_API_KEY": "{{Given.Key}}"
            }
            """);

        Resolution resolution = Given.Services(section: section);

        Assert.False(resolution.IsEnabled);
        Assert.Equal("single", Assert.Single(resolution.Settings.Endpoints).Name);
    }

    [Fact]
    public void ForServices_SectionIsAbsent_TheVariableIsUsedWithAWarning()
    {
        IConfiguration section = Given.Configuration().GetSection("Pool:Endpoints");
        Func<string, string?> environment = Given.Environment((VariableNames.Connection, $"[{Given.Entry()}]"), (VariableNames.Switch, "on"));

        Resolution resolution = Given.Services(section: section, environment: environment);

        Assert.Equal("east", Assert.Single(resolution.Settings.Endpoints).Name);
        Assert.Equal("The configuration section 'Pool:Endpoints' has no endpoints; AZURE_OPENAI_ROUND_ROBIN_CONNECTION is used.", Assert.Single(resolution.Warnings));
    }

    [Theory]
    [InlineData(null, "The round-robin is off, which takes exactly one endpoint, but none is given; ")]
    [InlineData(true, "There are no endpoints; ")]
    public void ForServices_SectionIsAbsentAndNothingElseGiven_NamesTheSection(bool? enabled, string start)
    {
        IConfiguration section = Given.Configuration().GetSection("Mispelt");

        string fault = Given.Fault(() => Given.Services(new RoundRobinOptions { Enabled = enabled }, section: section));

        Assert.StartsWith(start, fault, StringComparison.Ordinal);
        Assert.EndsWith(" The configuration section 'Mispelt' is absent or has no endpoints; check its path.", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("[oops")]
    [InlineData("[{},{}]")]
    public void ForServices_OffAndNotOneEndpointInTheSection_SaysSo(string text)
    {
        IConfiguration section = Given.Configuration(("Pool", text)).GetSection("Pool");

        string fault = Given.Fault(() => Given.Services(new RoundRobinOptions { Enabled = false }, section: section));

        Assert.EndsWith(" The configuration section 'Pool' does not hold exactly one.", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void ForServices_ARootWithoutAPath_IsNamedAllTheSame()
    {
        IConfiguration root = Given.JsonConfiguration("""{"AZURE_OPENAI_ROUND_ROBIN_CONNECTION":[]}""");

        string fault = Given.Fault(() => Given.Services(new RoundRobinOptions { Enabled = false }, section: root));

        Assert.EndsWith(" The configuration section is absent or has no endpoints; check its path.", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void ForServices_ASectionWithAnEmptyPath_IsNotQuoted()
    {
        IConfiguration section = Given.Configuration().GetSection("");

        string fault = Given.Fault(() => Given.Services(section: section));

        Assert.EndsWith(" The configuration section is absent or has no endpoints; check its path.", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void ForServices_SectionTextIsNoJson_NamesTheSection()
    {
        IConfiguration section = Given.Configuration(("Pool", "[oops]")).GetSection("Pool");

        Assert.StartsWith("The configuration section 'Pool' is not valid JSON at line 1, position 2;", Given.Fault(() => Given.Services(section: section)), StringComparison.Ordinal);
    }

    [Fact]
    public void ForServices_TheConnectionMixesPlacesAndNames_IsAnObject()
    {
        IConfiguration configuration = Given.Configuration(
            ($"{VariableNames.Connection}:0:AZURE_OPENAI_ENDPOINT", Given.Address), ($"{VariableNames.Connection}:0:AZURE_OPENAI_API_KEY", Given.Key),
            ($"{VariableNames.Connection}:name", "east"), (VariableNames.Switch, "on"));

        Assert.Equal($"{VariableNames.Connection} is an object; write an array of objects, with [ ] around it.", Given.Fault(() => Given.Services(new RoundRobinOptions(), configuration)));
    }

    [Fact]
    public void ForServices_SectionMergesProvidersByIndex()
    {
        IConfiguration configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("Pool:0:AZURE_OPENAI_ENDPOINT", Given.Address), new("Pool:0:name", "a")])
            .AddInMemoryCollection([new("Pool:0:AZURE_OPENAI_API_KEY", Given.Key)])
            .Build();

        EndpointSettings endpoint = Assert.Single(Given.Services(section: configuration.GetSection("Pool")).Settings.Endpoints);

        Assert.Equal(("a", Given.Key), (endpoint.Name, endpoint.ApiKey));
    }
}
