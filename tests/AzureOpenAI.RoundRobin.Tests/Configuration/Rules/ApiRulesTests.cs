using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Sources;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Rules;

/// <summary>Which API each endpoint speaks, and which may stand in one pool.</summary>
public sealed class ApiRulesTests
{
    private const string West = "https://west.openai.azure.com";

    [Theory]
    [InlineData(Form.Json)]
    [InlineData(Form.Section)]
    public void Data_NamesTheApiOfAnEndpoint(Form form)
    {
        Resolution resolution = Given.Read(form, $"[{Given.Entry("\"api\":\"Responses\"")},{Given.Entry("\"api\":\"responses\"", West)}]");

        Assert.All(resolution.Settings.Endpoints, endpoint => Assert.Equal((EndpointApi.Responses, EndpointKind.V1), (endpoint.Api, endpoint.Kind)));
        Assert.Equal("https://east.openai.azure.com/openai/v1/", resolution.Settings.Endpoints[0].Address!.AbsoluteUri);
    }

    [Theory]
    [InlineData(Form.Json, "\"completions\"", "Endpoint 1: api is 'completions'; write chat or responses.")]
    [InlineData(Form.Json, "\"0123456789abcdef0123456789\"", "Endpoint 1: api is neither chat nor responses; write one of them.")]
    [InlineData(Form.Json, "1", "Endpoint 1: api is a number; write text in quotes.")]
    [InlineData(Form.Section, "\"\"", "Endpoint 1: api is empty; give a value or leave it out.")]
    public void Data_ThatNamesNoApi_IsAFault(Form form, string value, string expected) => Assert.Equal(expected, Given.Fault(form, $"[{Given.Entry($"\"api\":{value}")}]"));

    [Theory]
    [InlineData("responses", null, EndpointApi.Responses)]
    [InlineData("Chat", null, EndpointApi.Chat)]
    [InlineData(null, null, EndpointApi.Chat)]
    [InlineData("responses", EndpointApi.Chat, EndpointApi.Chat)]
    [InlineData("nonsense", EndpointApi.Responses, EndpointApi.Responses)]
    public void Variable_IsForEndpointsThatNameNone_UnlessCodeSaysOtherwise(string? variable, EndpointApi? code, EndpointApi expected)
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        options.Api = code;

        Resolution resolution = ConfigurationResolver.ForEnvironment(options, environment: Given.Environment((VariableNames.Api, variable)));

        Assert.Equal(expected, Assert.Single(resolution.Settings.Endpoints).Api);
    }

    [Fact]
    public void Variable_ThatNamesNoApi_IsAFault() => Assert.Equal(
        "AZURE_OPENAI_API is 'both'; write chat or responses.",
        Given.Fault(() => ConfigurationResolver.ForEnvironment(Given.Options(Given.Endpoint()), environment: Given.Environment((VariableNames.Api, "both")))));

    [Fact]
    public void Code_WithAnUndefinedValue_IsAFault()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint(configure: endpoint => endpoint.Api = (EndpointApi)7));
        options.Api = (EndpointApi)8;

        Assert.Equal(
            ["Api is 8; it must be Chat or Responses.", "Endpoint 1: Api is 7; it must be Chat or Responses."],
            Given.Faults(() => ConfigurationResolver.ForPool(options)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void ApiVersion_OfAResponsesEndpoint_IsAFault() => Assert.Equal(
        "Endpoint 1: api_version has no meaning on the v1 route; remove it.",
        Given.Fault(Form.Json, $"[{Given.Entry("\"api\":\"responses\",\"api_version\":\"2025-04-01-preview\"")}]"));

    [Fact]
    public void ReadyMadeClient_WithAnApi_IsAFault() => Assert.Contains(
        "so Api would not be used",
        Given.Fault(() => ConfigurationResolver.ForPool(Given.Options(new EndpointOptions { ChatClient = new StubChatClient(), Api = EndpointApi.Responses }))),
        StringComparison.Ordinal);

    [Fact]
    public void Embeddings_DoNotDependOnTheApi()
    {
        Resolution resolution = Given.Read(Form.Json, $"[{Given.Entry("\"api\":\"responses\",\"api_version\":\"2024-10-21\"")}]", registration: Registration.Embeddings);

        Assert.Equal((EndpointKind.Classic, "2024-10-21"), (resolution.Settings.Endpoints[0].Kind, resolution.Settings.Endpoints[0].ApiVersion));
    }

    [Fact]
    public void BothApis_EachWithItsOwnModels_CallsWithoutAModelGoToThatOfThePool()
    {
        Resolution resolution = Given.Read(Form.Json, $$$"""[{{{Given.Entry("\"model\":\"gpt-4o\"")}}},{{{Given.Entry("\"api\":\"responses\",\"model\":\"codex\",\"deployments\":{\"gpt-5-codex\":\"codex\"}", West)}}}]""");

        Assert.Equal(["east"], resolution.Settings.EndpointsOfTheApi.Select(endpoint => endpoint.Name));
        Assert.Equal([EndpointApi.Chat, EndpointApi.Responses], resolution.Settings.Endpoints.Select(endpoint => endpoint.Api));
    }

    [Fact]
    public void BothApis_OneWithoutModels_IsAFault() => Assert.Equal(
        "Endpoint 2: api is responses, but that of the pool is chat: a call is made in one API, so the endpoint would never be called; "
        + "name the models that it answers in deployments, or give all endpoints one API.",
        Given.Fault(Form.Json, $"[{Given.Entry()},{Given.Entry("\"api\":\"responses\"", West)}]"));

    [Fact]
    public void BothApis_ForOneModel_IsAFault() => Assert.Equal(
        "Endpoint 2: api is responses, but that of endpoint 1, which answers the same model, is chat; give both one API, or each its own models.",
        Given.Fault(Form.Json, $$$"""[{{{Given.Entry("\"deployments\":{\"gpt-5\":\"five\"}")}}},{{{Given.Entry("\"api\":\"responses\",\"deployments\":{\"GPT-5\":\"five\"}", West)}}}]"""));
}
