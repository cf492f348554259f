using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.Configuration;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Sources;

/// <summary>Endpoints under names in place of places, so that what another provider says of one stays with it.</summary>
public sealed class NamedEndpointsTests
{
    private const string Sweden = """{ "Endpoint": "https://contoso-sweden.openai.azure.com" }""";
    private const string France = """{ "AZURE_OPENAI_ENDPOINT": "https://contoso-france.openai.azure.com", "weight": 2 }""";

    [Theory]
    [InlineData("""{ "AzureOpenAI": { "sweden": SWEDEN, "france": FRANCE } }""", "AzureOpenAI")]
    [InlineData("""{ "AzureOpenAI": { "MaxWait": "00:00:10", "sweden": SWEDEN, "AZURE_OPENAI_DEPLOYMENT": "m", "france": FRANCE } }""", "AzureOpenAI")]
    [InlineData("""{ "AzureOpenAI": { "Endpoints": { "sweden": SWEDEN, "france": FRANCE } } }""", "AzureOpenAI:Endpoints")]
    [InlineData("""{ "AzureOpenAI": { "AZURE_OPENAI_ROUND_ROBIN_CONNECTION": { "sweden": SWEDEN, "france": FRANCE } } }""", "AzureOpenAI:AZURE_OPENAI_ROUND_ROBIN_CONNECTION")]
    public void Section_EachHasItsOwnNameAndSecret_WhateverTheOrder(string json, string path)
    {
        IConfiguration configuration = new ConfigurationBuilder()
            .AddConfiguration(Given.JsonConfiguration(json.Replace("SWEDEN", Sweden, StringComparison.Ordinal).Replace("FRANCE", France, StringComparison.Ordinal)))
            .AddInMemoryCollection([new($"{path}:SWEDEN:ApiKey", "key-of-sweden"), new($"{path}:france:AZURE_OPENAI_API_KEY", "key-of-france")])
            .Build();

        Resolution resolution = Given.Services(section: configuration.GetSection("AzureOpenAI"));

        Assert.True(resolution.IsEnabled);
        Assert.Equal(
            [("france", "https://contoso-france.openai.azure.com/", "key-of-france", 2), ("sweden", "https://contoso-sweden.openai.azure.com/", "key-of-sweden", 1)],
            resolution.Settings.Endpoints.Select(static endpoint => (endpoint.Name.ToLowerInvariant(), endpoint.Address!.AbsoluteUri, endpoint.ApiKey!, endpoint.Weight)).Order());
        Assert.All(resolution.Settings.Endpoints, static endpoint => Assert.True(endpoint.HasOwnName));
        Assert.Empty(resolution.Warnings);
    }

    [Fact]
    public void Json_TakesNamesTooAndItsOrder()
    {
        Resolution resolution = Given.Read(Form.Json, $$"""{ "west": {{Given.Entry(address: "https://a.example")}}, "east": {{Given.Entry("\"name\":\"own\"", "https://b.example")}} }""");

        Assert.Equal(["west", "own"], resolution.Settings.Endpoints.Select(static endpoint => endpoint.Name));
    }

    [Theory]
    [InlineData(Form.Json)]
    [InlineData(Form.Section)]
    public void AFault_HasTheName(Form form) =>
        Assert.StartsWith("Endpoint 1 ('sweden'): AZURE_OPENAI_API_KEY is missing;", Given.Fault(form, """{ "sweden": { "AZURE_OPENAI_ENDPOINT": "https://contoso-sweden.openai.azure.com" } }"""), StringComparison.Ordinal);

    [Fact]
    public void TheSameNameTwice_IsAFault() =>
        Assert.Equal("Endpoint 2 ('A'): name is the same as that of endpoint 1; choose another.", Given.Fault(Form.Json, $$"""{ "a": {{Given.Entry(address: "https://a.example")}}, "A": {{Given.Entry(address: "https://b.example")}} }"""));

    [Fact]
    public void ANameThatIsAKey_IsAFaultThatDoesNotShowIt() =>
        Assert.Equal("Endpoint 1: name looks like a key, and logs show it; choose another.", Given.Faults(() => Given.Read(Form.Json, $$"""{ "{{Given.Key}}": { "AZURE_OPENAI_ENDPOINT": "{{Given.Address}}", "AZURE_OPENAI_API_KEY": "x" } }"""))[0]);

    [Theory]
    [InlineData("1", "Endpoint 2 has nothing but a key and is left out: a secret under a place in a list stays at that place when the list changes. Put a name where the place is, and each secret stays with its endpoint.")]
    [InlineData("france", "Endpoint 1 ('france') has nothing but a key and is left out: its address is missing, or its secret is under another name than its other settings.")]
    public void Section_AnEndpointWithNothingButAKey_IsLeftOutWithTheReason(string place, string expected)
    {
        string other = place == "1" ? "0" : "sweden";
        foreach (string path in new[] { "Pool", "Pool:Endpoints" })
        {
            IConfiguration section = Given.Configuration(($"{path}:{other}:Endpoint", Given.Address), ($"{path}:{other}:ApiKey", Given.Key), ($"{path}:{place}:ApiKey", "left-over")).GetSection("Pool");

            Resolution resolution = Given.Services(section: section);

            Assert.Equal(Given.Key, Assert.Single(resolution.Settings.Endpoints).ApiKey);
            Assert.Equal(expected, Assert.Single(resolution.Warnings));
        }
    }

    [Fact]
    public void AllHaveNothingButAKey_IsAFault() =>
        Assert.Equal(2, Given.Faults(() => Given.Services(section: Given.Configuration(("Pool:0:ApiKey", Given.Key), ("Pool:1:ApiKey", Given.Key)).GetSection("Pool"))).Length);

    [Fact]
    public void Json_AnEndpointWithNothingButAKey_IsAFault() =>
        Assert.Contains("AZURE_OPENAI_ENDPOINT is missing", Given.Fault(Form.Json, $$"""[{{Given.Entry()}},{"AZURE_OPENAI_API_KEY":"{{Given.Key}}"}]"""), StringComparison.Ordinal);

    [Theory]
    [InlineData("Pool:Retry:Count", "3", "The configuration section 'Pool': the name 'Retry' is unknown and ignored.")]
    [InlineData("Pool:Other", "x", "The configuration section 'Pool': the name 'Other' is unknown and ignored.")]
    public void Section_WhatIsNoEndpoint_IsWarnedOf(string name, string value, string expected)
    {
        IConfiguration section = Given.Configuration(("Pool:sweden:Endpoint", Given.Address), ("Pool:sweden:ApiKey", Given.Key), (name, value)).GetSection("Pool");

        Resolution resolution = Given.Services(section: section);

        Assert.Equal("sweden", Assert.Single(resolution.Settings.Endpoints).Name);
        Assert.Equal(expected, Assert.Single(resolution.Warnings));
    }

    [Fact]
    public void Section_OffWithOneName_UsesIt()
    {
        IConfiguration section = Given.Configuration(("Pool:sweden:Endpoint", Given.Address), ("Pool:sweden:ApiKey", Given.Key)).GetSection("Pool");

        Resolution resolution = Given.Services(new RoundRobinOptions { DeploymentName = "m", Enabled = false }, section: section);

        Assert.Equal((false, "sweden"), (resolution.IsEnabled, Assert.Single(resolution.Settings.Endpoints).Name));
    }
}
