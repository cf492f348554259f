using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.Configuration;

namespace AzureOpenAI.RoundRobin.Tests.Configuration;

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
        Assert.Empty(resolution.Warnings);
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

    [Fact]
    public void ForServices_SectionTextIsNoJson_NamesTheSection()
    {
        IConfiguration section = Given.Configuration(("Pool", "[oops]")).GetSection("Pool");

        Assert.StartsWith("The configuration section 'Pool' is not valid JSON at line 1, position 2;", Given.Fault(() => Given.Services(section: section)), StringComparison.Ordinal);
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
