using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Rules;

public sealed class EntryRulesTests
{
    [Theory]
    [InlineData(Form.Json)]
    [InlineData(Form.Section)]
    public void Check_NothingGiven_NamesBothMissing(Form form)
    {
        string[] faults = Given.Faults(() => Given.Read(form, $"[{Given.Entry()},{{\"name\":\"west\"}}]"));

        Assert.Equal(
            [
                "Endpoint 2 ('west'): AZURE_OPENAI_ENDPOINT is missing; give the address of the resource, like https://my-resource.openai.azure.com.",
                "Endpoint 2 ('west'): AZURE_OPENAI_API_KEY is missing; give the key of the resource, or set RoundRobinOptions.Credential in code.",
            ],
            faults);
    }

    [Fact]
    public void Check_NothingGivenInCode_UsesTheNamesOfTheProperties()
    {
        Assert.Equal(
            [
                "Endpoint 1: Endpoint is missing; give the address of the resource, like https://my-resource.openai.azure.com, or a ready-made ChatClient or EmbeddingGenerator.",
                "Endpoint 1: ApiKey is missing; give the key of the resource, or set RoundRobinOptions.Credential in code.",
            ],
            Given.Faults(() => ConfigurationResolver.ForPool(Given.Options(new EndpointOptions { ApiKey = " " }))));
    }

    [Fact]
    public void Check_NullEndpoint_IsAFault()
    {
        Assert.Equal("Endpoint 1: null stands where an EndpointOptions is expected.", Given.Fault(() => ConfigurationResolver.ForPool(Given.Options([null!]))));
    }

    [Fact]
    public void Check_KeyMissing_TheCredentialStepsIn()
    {
        StubCredential shared = new();
        StubCredential own = new();
        RoundRobinOptions options = Given.Options(
            Given.Endpoint("https://a.example"),
            Given.Endpoint("https://b.example", e => (e.ApiKey, e.Credential) = (null, own)),
            Given.Endpoint("https://c.example", e => e.ApiKey = null));
        options.Credential = shared;

        IReadOnlyList<EndpointSettings> endpoints = ConfigurationResolver.ForPool(options).Settings.Endpoints;

        Assert.Equal([Given.Key, null, null], endpoints.Select(e => e.ApiKey));
        Assert.Equal([null, own, shared], endpoints.Select(e => e.Credential));
    }

    [Fact]
    public void Check_KeyMissingInDataWithACredential_IsFine()
    {
        RoundRobinOptions options = new() { DeploymentName = "m", Credential = new StubCredential() };

        Resolution resolution = Given.Read(Form.Json, $$"""[{"AZURE_OPENAI_ENDPOINT":"{{Given.Address}}"}]""", options);

        Assert.Same(options.Credential, resolution.Settings.Endpoints[0].Credential);
    }

    [Fact]
    public void Check_OwnKeyAndOwnCredential_IsAFault()
    {
        AssertFault("Endpoint 1: ApiKey and Credential are both given; keep one.", e => e.Credential = new StubCredential());
    }

    [Fact]
    public void Check_ReadyMadeBesideOneSettingOfAnAddress_IsAFault()
    {
        (string Name, Action<EndpointOptions> Set)[] more =
        [
            ("Endpoint", e => e.Endpoint = new Uri(Given.Address)),
            ("ApiKey", e => e.ApiKey = Given.Key),
            ("Credential", e => e.Credential = new StubCredential()),
            ("ApiVersion", e => e.ApiVersion = "2024-10-21"),
        ];
        foreach ((string name, Action<EndpointOptions> set) in more)
        {
            EndpointOptions endpoint = new() { ChatClient = new StubChatClient() };
            set(endpoint);

            Assert.Equal(
                $"Endpoint 1: ChatClient is ready-made, so {name} would not be used; remove it, or remove ChatClient and have the pool make its own client.",
                Given.Fault(() => ConfigurationResolver.ForPool(Given.Options(endpoint))));
        }
    }

    [Fact]
    public void Check_ReadyMadeBesideAWholeAddress_IsOneFault()
    {
        using FakeEmbeddingGenerator generator = new();
        EndpointOptions both = new() { Name = "both", ChatClient = new StubChatClient(), EmbeddingGenerator = generator, Endpoint = new Uri(Given.Address), ApiKey = Given.Key };
        EndpointOptions only = new() { EmbeddingGenerator = generator, Endpoint = new Uri(Given.Address), ApiKey = Given.Key, ApiVersion = "2024-10-21" };

        Assert.Equal(
            [
                "Endpoint 1 ('both'): ChatClient and EmbeddingGenerator are ready-made, so Endpoint and ApiKey would not be used; remove them, or remove ChatClient and EmbeddingGenerator and have the pool make its own client.",
                "Endpoint 2: EmbeddingGenerator is ready-made, so Endpoint, ApiKey and ApiVersion would not be used; remove them, or remove EmbeddingGenerator and have the pool make its own client.",
            ],
            Given.Faults(() => ConfigurationResolver.ForPool(Given.Options(both, only))));
    }

    [Fact]
    public void Check_ReadyMadeThatCannotDoWhatItIsFor_IsAFault_WithTheOthers()
    {
        using FakeEmbeddingGenerator generator = new();
        RoundRobinOptions options = Given.Options(
            new EndpointOptions { Name = "chats", ChatClient = new StubChatClient() },
            new EndpointOptions { Name = "embeds", EmbeddingGenerator = generator, ApiKey = Given.Key },
            new EndpointOptions { Name = "both", ChatClient = new StubChatClient(), EmbeddingGenerator = generator });

        Assert.Equal(
            [
                "Endpoint 2 ('embeds'): a ready-made EmbeddingGenerator does not chat; set ChatClient as well, or give the address of a resource instead.",
                "Endpoint 2 ('embeds'): EmbeddingGenerator is ready-made, so ApiKey would not be used; remove it, or remove EmbeddingGenerator and have the pool make its own client.",
            ],
            Given.Faults(() => ConfigurationResolver.ForPool(options, Registration.Chat)));
        options.Endpoints[1].ApiKey = null;
        Assert.Equal(
            "Embeddings: Endpoint 1 ('chats'): a ready-made ChatClient makes no embeddings; set EmbeddingGenerator as well, or give the address of a resource instead.",
            Given.Fault(() => ConfigurationResolver.ForPool(options, Registration.Embeddings)));
        Assert.Equal(3, ConfigurationResolver.ForPool(options).Settings.Endpoints.Count);
    }

    [Theory]
    [InlineData("https://east.example/?key=0123456789abcdef0123456789ABCDEF", "has a query")]
    [InlineData("https://0123456789abcdef0123456789ABCDEF@east.example", "user information")]
    [InlineData("http://east.example", "is http to another machine")]
    [InlineData("0123456789abcdef0123456789ABCDEF", "is not an absolute address")]
    [InlineData("https://<your-resource>.openai.azure.com", "still has a placeholder")]
    public void Check_BadAddress_IsNeverQuoted(string address, string expected)
    {
        string fault = Given.Fault(Form.Json, $"[{Given.Entry(address: address)}]");

        Assert.StartsWith("Endpoint 1: AZURE_OPENAI_ENDPOINT ", fault, StringComparison.Ordinal);
        Assert.Contains(expected, fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_RelativeAddressInCode_IsAFault()
    {
        string fault = Given.Fault(() => ConfigurationResolver.ForPool(Given.Options(Given.Endpoint("east.example"))));

        Assert.StartsWith("Endpoint 1: Endpoint is not an absolute address;", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_BadKey_IsNotQuoted()
    {
        AssertFault("Endpoint 1: ApiKey contains a space,", e => e.ApiKey = Given.Key + " " + Given.Key);
        AssertFault("Endpoint 1: ApiKey is still a placeholder;", e => e.ApiKey = "<your-key>");
    }

    [Fact]
    public void Check_VersionOnV1_IsAFaultAtTheEndpointOnly()
    {
        EndpointOptions endpoint = Given.Endpoint("https://east.example/openai/v1");
        RoundRobinOptions options = Given.Options(endpoint);
        options.ApiVersion = "2024-10-21";

        Assert.Null(ConfigurationResolver.ForPool(options).Settings.Endpoints[0].ApiVersion);

        endpoint.ApiVersion = "2024-10-21";
        Assert.StartsWith("Endpoint 1: ApiVersion has no meaning on the v1 route;", Given.Fault(() => ConfigurationResolver.ForPool(options)), StringComparison.Ordinal);
    }

    [Fact]
    public void Check_Texts_AreJudgedAndNotQuoted()
    {
        AssertFault("Endpoint 1: ApiVersion is not an api-version;", e => e.ApiVersion = "a&hidden");
        AssertFault("Endpoint 1: Name contains a control character;", e => e.Name = "a\nhidden");
        AssertFault("Endpoint 1: Name is longer than 100 characters;", e => e.Name = new string('n', 101));
        AssertFault("Endpoint 1: DeploymentName contains one of", e => e.DeploymentName = "hidden/../x");
        AssertFault("Endpoint 1: Deployments has a model that contains a control character;", e => e.Deployments["a\rhidden"] = "b");
        AssertFault("Endpoint 1: Deployments has a deployment that contains one of", e => e.Deployments["a"] = "hidden?b");
        AssertFault("Endpoint 1: Deployments has an empty model or deployment;", e => e.Deployments["a"] = null!);
        AssertFault("Endpoint 1: Deployments has an empty model or deployment;", e => e.Deployments[" "] = "b");
    }

    [Theory]
    [InlineData("\"model\":\"a/b\"", "model contains one of")]
    [InlineData("\"azure_deployment\":\"a/b\"", "azure_deployment contains one of")]
    public void Check_BadDeploymentInData_IsNamedAsItWasWritten(string members, string expected)
    {
        Assert.StartsWith("Endpoint 1: " + expected, Given.Fault(Form.Json, $"[{Given.Entry(members)}]"), StringComparison.Ordinal);
    }

    [Fact]
    public void Check_SlashInTheDeployment_IsFineOnV1()
    {
        EndpointOptions endpoint = Given.Endpoint("https://east.example/openai/v1", e => e.DeploymentName = "vendor/model");

        Assert.Equal("vendor/model", ConfigurationResolver.ForPool(Given.Options(endpoint)).Settings.Endpoints[0].Deployment);
    }

    [Fact]
    public void Check_AKeyInWhatLogsShow_IsAFaultThatDoesNotShowIt()
    {
        const string Key = "hunter2hunter2";
        (Action<EndpointOptions> Configure, string Expected)[] places =
        [
            (e => e.Name = "a-" + Key, "Endpoint 1: Name contains a key, and logs show it; choose another."),
            (e => e.DeploymentName = Key, "Endpoint 1: DeploymentName contains a key, and logs show it; choose another."),
            (e => e.Deployments["m"] = Key, "Endpoint 1: Deployments contains a key, and logs show it; choose another."),
            (e => e.Endpoint = new Uri($"https://{Key}.example"), "Endpoint 1: Endpoint contains a key, and logs show it; choose another."),
        ];
        foreach ((Action<EndpointOptions> configure, string expected) in places)
        {
            RoundRobinOptions options = Given.Options(
                Given.Endpoint("https://a.example", configure), Given.Endpoint("https://b.example", e => e.ApiKey = Key));

            Assert.Equal(expected, Given.Fault(() => ConfigurationResolver.ForPool(options)));
        }
    }

    [Theory]
    [InlineData("\"weight\":0", "weight is 0; it must be 1 to 100.")]
    [InlineData("\"weight\":101", "weight is 101; it must be 1 to 100.")]
    [InlineData("\"priority\":-1", "priority is -1; it must be 0 to 100.")]
    [InlineData("\"temperature\":2.5", "temperature is 2.5; it must be 0 to 2.")]
    [InlineData("\"temperature\":\"NaN\"", "temperature is NaN; it must be 0 to 2.")]
    [InlineData("\"max_tokens\":0", "max_tokens is 0; it must be 1 or more.")]
    [InlineData("\"requests_per_minute\":0", "requests_per_minute is 0; it must be 1 or more.")]
    [InlineData("\"tokens_per_minute\":-5", "tokens_per_minute is -5; it must be 1 or more.")]
    public void Check_NumberOutOfRange_SaysTheRange(string members, string expected)
    {
        foreach (Form form in Enum.GetValues<Form>())
        {
            Assert.Equal("Endpoint 1: " + expected, Given.Fault(form, $"[{Given.Entry(members)}]"));
        }
    }

    [Fact]
    public void Check_NumberOutOfRangeInCode_UsesTheNamesOfTheProperties()
    {
        AssertFault("Endpoint 1: Weight is 0;", e => e.Weight = 0);
        AssertFault("Endpoint 1: Priority is 101;", e => e.Priority = 101);
        AssertFault("Endpoint 1: Temperature is -1;", e => e.Temperature = -1);
        AssertFault("Endpoint 1: MaxOutputTokens is 0;", e => e.MaxOutputTokens = 0);
        AssertFault("Endpoint 1: RequestsPerMinute is 0;", e => e.RequestsPerMinute = 0);
        AssertFault("Endpoint 1: TokensPerMinute is -1;", e => e.TokensPerMinute = -1);
    }

    [Fact]
    public void Check_ThePoolsDeploymentAndOneEndpointThatHasItInItsPath_StaysInItsPlace()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint(), Given.Endpoint("https://west.example/openai/v1"));
        options.DeploymentName = "vendor/model";

        Assert.Contains("one of /", Given.Fault(() => ConfigurationResolver.ForPool(options)), StringComparison.Ordinal);
        options.Endpoints.RemoveAt(0);
        Assert.Equal("vendor/model", Assert.Single(ConfigurationResolver.ForPool(options).Settings.Endpoints).Deployment);
    }

    [Fact]
    public void Check_FewerTokensThanRequests_IsAContradiction()
    {
        const string Contradiction = "though each request has at least one token; correct one of them.";
        AssertFault($"Endpoint 1: TokensPerMinute is less than RequestsPerMinute, {Contradiction}", e => (e.RequestsPerMinute, e.TokensPerMinute) = (60, 59));
        AssertFault($"Endpoint 1: TokensPerMinute is less than RequestsPerMinute, {Contradiction}", e => (e.RequestsPerMinute, e.TokensPerMinute) = (2, 1));
        foreach (Form form in Enum.GetValues<Form>())
        {
            Assert.Equal(
                $"Endpoint 1: tokens_per_minute is less than requests_per_minute, {Contradiction}",
                Given.Fault(form, $"[{Given.Entry("\"requests_per_minute\":60,\"tokens_per_minute\":59")}]"));
        }
    }

    [Fact]
    public void Check_FewerTokensThanRequestsOfWhichOneIsOutOfRange_SaysOnlyThat() =>
        AssertFault("Endpoint 1: TokensPerMinute is 0;", e => (e.RequestsPerMinute, e.TokensPerMinute) = (60, 0));

    [Fact]
    public void Check_AsManyTokensAsRequests_IsFine()
    {
        EndpointSettings endpoint = Assert.Single(ConfigurationResolver.ForPool(Given.Options(
            Given.Endpoint(configure: e => (e.RequestsPerMinute, e.TokensPerMinute) = (60, 60)))).Settings.Endpoints);

        Assert.Equal((60, 60), (endpoint.RequestsPerMinute!.Value, endpoint.TokensPerMinute!.Value));
    }

    private static void AssertFault(string expected, Action<EndpointOptions> configure)
    {
        string fault = Given.Fault(() => ConfigurationResolver.ForPool(Given.Options(Given.Endpoint(configure: configure))));
        Assert.StartsWith(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", fault, StringComparison.Ordinal);
    }
}
