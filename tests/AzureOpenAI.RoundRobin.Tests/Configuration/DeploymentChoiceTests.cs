using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Sources;

namespace AzureOpenAI.RoundRobin.Tests.Configuration;

public sealed class DeploymentChoiceTests
{
    // map: what the endpoint's map has for "asked"; own: the endpoint's own; code: RoundRobinOptions.DeploymentName.
    [Theory]
    [InlineData("chat", null, null, null, null, null)]
    [InlineData("chat", null, null, null, "variable", "variable *")]
    [InlineData("chat", null, null, "asked", "variable", "asked *")]
    [InlineData("chat", null, "own", null, "variable", "own *")]
    [InlineData("chat", null, "own", "asked", "variable", "own *")]
    [InlineData("chat", "mapped", "own", "asked", "variable", "mapped")]
    [InlineData("chat", "mapped", null, "asked", "variable", "mapped")]
    [InlineData("chat", "mapped", "own", null, "variable", "own *")]
    [InlineData("chat", "mapped", "own", null, "asked", "own *")]
    [InlineData("chat", "mapped", null, null, "asked", "mapped")]
    [InlineData("chat", "own", "own", "asked", null, "own *")]
    [InlineData("keyed", null, null, null, null, null)]
    [InlineData("keyed", null, null, null, "variable", "variable *")]
    [InlineData("keyed", null, null, "asked", "variable", "asked")]
    [InlineData("keyed", null, "own", null, "variable", "own *")]
    [InlineData("keyed", null, "own", "asked", "variable", "asked")]
    [InlineData("keyed", null, "asked", "asked", "variable", "asked *")]
    [InlineData("keyed", "mapped", "own", "asked", "variable", "mapped")]
    [InlineData("embeddings", null, null, null, null, null)]
    [InlineData("embeddings", null, null, null, "variable", "variable")]
    [InlineData("embeddings", null, "own", null, null, "own *")]
    [InlineData("embeddings", null, "own", null, "variable", "variable")]
    [InlineData("embeddings", null, "own", "asked", "variable", "asked")]
    [InlineData("embeddings", "mapped", "own", "asked", "variable", "mapped")]
    [InlineData("embeddings", "mapped", "own", null, "asked", "mapped")]
    public void For_Built_FollowsTheOrder(string kind, string? map, string? own, string? code, string? variable, string? expected)
    {
        foreach (string address in new[] { "https://a.example", "https://a.example/openai/v1" })
        {
            EndpointOptions endpoint = Given.Endpoint(address, e => e.DeploymentName = own);
            Assert.Equal(expected, Choose(endpoint, kind, map, code, variable));
        }
    }

    [Theory]
    [InlineData("chat", null, null, "asked", "variable", " *")]
    [InlineData("chat", null, "own", "asked", "variable", "own *")]
    [InlineData("chat", "mapped", "own", "asked", "variable", "mapped")]
    [InlineData("keyed", null, null, "asked", "variable", " *")]
    [InlineData("keyed", "mapped", null, "asked", "variable", "mapped")]
    public void For_ReadyMade_OnlyTheMapBeatsItsOwn(string kind, string? map, string? own, string? code, string? variable, string? expected)
    {
        using StubChatClient client = new();
        Assert.Equal(expected, Choose(new EndpointOptions { ChatClient = client, DeploymentName = own }, kind, map, code, variable));
    }

    [Fact]
    public void For_ModelInAnotherCase_IsMapped()
    {
        EndpointOptions endpoint = Given.Endpoint(configure: e => e.Deployments["GPT-4o"] = "mapped");

        Assert.Equal("mapped", ConfigurationResolver.ForPool(Given.Options(endpoint)).Settings.Endpoints[0].Deployment);
    }

    [Fact]
    public void For_EmbeddingsWithTheChatVariableOnly_IsAFault()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        options.DeploymentName = null;
        Func<string, string?> environment = Given.Environment((VariableNames.Deployment, "gpt-4o"));

        string fault = Given.Fault(() => ConfigurationResolver.ForEnvironment(options, Registration.Embeddings, environment));

        Assert.EndsWith("in RoundRobinOptions.DeploymentName, or in AZURE_OPENAI_EMBEDDING_DEPLOYMENT.", fault, StringComparison.Ordinal);
    }

    /// <returns>The deployment, with a star where the endpoint's own temperature and limits go with it; null for a fault.</returns>
    private static string? Choose(EndpointOptions endpoint, string kind, string? map, string? code, string? variable)
    {
        (endpoint.Temperature, endpoint.MaxOutputTokens) = (0.5f, 50);
        (endpoint.RequestsPerMinute, endpoint.TokensPerMinute) = (60, 6_000);
        if (map is not null)
        {
            endpoint.Deployments["asked"] = map;
        }

        RoundRobinOptions options = new() { DeploymentName = code, Temperature = 1, MaxOutputTokens = 100 };
        options.Endpoints.Add(endpoint);
        Registration registration = kind switch
        {
            "keyed" => Registration.Keyed("advanced"),
            "embeddings" => Registration.Embeddings,
            _ => Registration.Chat,
        };
        Func<string, string?> environment = Given.Environment(
            (registration.ForEmbeddings ? VariableNames.EmbeddingDeployment : VariableNames.Deployment, variable));
        Resolution Resolve() => ConfigurationResolver.ForEnvironment(options, registration, environment);
        if (map is null && endpoint is { ChatClient: null, DeploymentName: null } && code is null && variable is null)
        {
            Assert.Contains("no deployment is named; name one at the endpoint", Given.Fault(Resolve), StringComparison.Ordinal);
            return null;
        }

        EndpointSettings settings = Resolve().Settings.Endpoints[0];
        bool own = settings.Temperature == 0.5f;
        Assert.Equal((own ? 0.5f : 1f, own ? 50 : 100), (settings.Temperature!.Value, settings.MaxOutputTokens!.Value));
        Assert.Equal(own ? (60, 6_000) : (null, null), (settings.RequestsPerMinute, settings.TokensPerMinute));
        return settings.Deployment + (own ? " *" : "");
    }
}
