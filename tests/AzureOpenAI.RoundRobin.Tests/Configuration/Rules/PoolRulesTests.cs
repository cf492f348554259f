using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using Microsoft.Extensions.Configuration;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Rules;

public sealed class PoolRulesTests
{
    [Fact]
    public void Check_EveryNumberOutOfRange_IsNamed()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        options.Temperature = 3;
        options.MaxOutputTokens = 0;
        options.MaxWait = Timeout.InfiniteTimeSpan;
        options.MaxWaiting = -1;
        options.AttemptTimeout = TimeSpan.Zero;
        options.FirstContentTimeout = TimeSpan.Zero;
        options.MaxAttempts = 0;

        Assert.Equal(
            [
                "Temperature is 3; it must be 0 to 2.",
                "MaxOutputTokens is 0; it must be 1 or more.",
                "MaxWait is -00:00:00.0010000; it must be from zero to 01:00:00.",
                "MaxWaiting is -1; it must be 0 or more.",
                "AttemptTimeout is 00:00:00; it must be more than zero and at most 1.00:00:00, or Timeout.InfiniteTimeSpan.",
                "FirstContentTimeout is 00:00:00; it must be more than zero and at most 1.00:00:00, or Timeout.InfiniteTimeSpan.",
                "MaxAttempts is 0; it must be 1 or more.",
            ],
            Given.Faults(() => ConfigurationResolver.ForPool(options)));
    }

    [Fact]
    public void Check_TwoHttpClients_IsAFault()
    {
        using HttpClient client = new();
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        (options.HttpClient, options.HttpClientName) = (client, "azure");

        Assert.Equal("HttpClient and HttpClientName are both given; keep one.", Given.Fault(() => Given.Services(options)));
    }

    [Fact]
    public void Check_HttpClientNameWithoutServices_IsAFault()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        options.HttpClientName = "azure";

        Assert.StartsWith("HttpClientName is given, but there is no IHttpClientFactory", Given.Fault(() => ConfigurationResolver.ForPool(options)), StringComparison.Ordinal);
    }

    [Fact]
    public void Check_AffinityThatDoesNotExist_IsAFault()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        options.Affinity = (EndpointAffinity)7;

        Assert.Equal("Affinity is 7; it must be None, PromptCache or Conversation.", Given.Fault(() => ConfigurationResolver.ForPool(options)));
    }

    [Fact]
    public void Check_AffinityKeyWithoutAffinity_IsAFault()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        options.AffinityKey = (_, _) => "key";

        Assert.StartsWith("AffinityKey is given, but Affinity is None", Given.Fault(() => ConfigurationResolver.ForPool(options)), StringComparison.Ordinal);
    }

    [Fact]
    public void Check_AffinityWithItsKey_IsTakenOver()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        (options.Affinity, options.AffinityKey) = (EndpointAffinity.PromptCache, (_, _) => "key");

        Assert.All(
            [ConfigurationResolver.ForPool(options).Settings, ConfigurationResolver.ForClients([new StubChatClient()], options).Settings],
            settings => Assert.Equal((EndpointAffinity.PromptCache, options.AffinityKey), (settings.Affinity, settings.AffinityKey)));
    }

    [Fact]
    public void Check_BaseTexts_AreJudgedUnderTheNameOfTheirSource()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        options.ApiVersion = "a b";
        options.DeploymentName = "a/b";
        Assert.Equal(["DeploymentName", "ApiVersion"], Given.Faults(() => ConfigurationResolver.ForPool(options)).Select(fault => fault.Split(' ')[0]));

        options.ApiVersion = options.DeploymentName = null;
        Func<string, string?> environment = Given.Environment((VariableNames.Deployment, "a/b"), (VariableNames.ApiVersion, "a b"));
        Assert.Equal(
            [VariableNames.Deployment, VariableNames.ApiVersion],
            Given.Faults(() => ConfigurationResolver.ForEnvironment(options, environment: environment)).Select(fault => fault.Split(' ')[0]));
    }

    [Fact]
    [Trait("Rule", "R17")]
    public void Check_AScopeThatIsNone_IsAFaultUnderTheNameOfItsSource_WithTheOthers()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint());
        (options.CredentialScope, options.MaxAttempts) = (Given.Key, 0);
        const string Fault = "is not a scope; write an https address that ends in /.default, like https://cognitiveservices.azure.com/.default.";

        Assert.Equal(["MaxAttempts is 0; it must be 1 or more.", $"CredentialScope {Fault}"], Given.Faults(() => ConfigurationResolver.ForPool(options)));
        Assert.All(["credential_scope", "CredentialScope"], name => Assert.Equal(
            $"{name} {Fault}", Given.Fault(() => Given.Services(new() { DeploymentName = "m", Credential = new StubCredential() }, section: SectionWith(name, "ai.azure.com")))));
    }

    [Fact]
    [Trait("Rule", "R17")]
    public void Scope_ComesFromCodeElseTheSectionElseTheCloud_AndOnlyForCredentials()
    {
        const string Scope = "https://ai.azure.com/.default", Other = "https://other.example/.default";
        RoundRobinOptions options = new() { DeploymentName = "m", Credential = new StubCredential() };

        Assert.Equal("https://cognitiveservices.azure.com/.default", ScopeOf(Given.Services(options, section: SectionWith("more", "x"))));
        Assert.All(["credential_scope", "CREDENTIAL_SCOPE", "CredentialScope"], name => Assert.Equal(Scope, ScopeOf(Given.Services(options, section: SectionWith(name, $" {Scope} ")))));
        Assert.Equal("https://cognitiveservices.azure.com/.default", ScopeOf(Given.Services(options, section: SectionWith("CredentialScope", " "))));
        options.CredentialScope = Other;
        Assert.Equal(Other, ScopeOf(Given.Services(options, section: SectionWith("credential_scope", Scope))));
        Assert.Null(ScopeOf(Given.Read(Form.Json, $"[{Given.Entry()}]", options)));
        Assert.Null(ConfigurationResolver.ForClients([new StubChatClient()], options).Settings.Endpoints[0].CredentialScope);

        static string? ScopeOf(Resolution resolution) => Assert.Single(resolution.Settings.Endpoints).CredentialScope;
    }

    [Fact]
    public void Check_BaseDeploymentWithASlash_IsFineWhereNoPathCarriesIt()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint("https://east.example/openai/v1"));
        options.DeploymentName = "vendor/model";

        Assert.Equal("vendor/model", ConfigurationResolver.ForPool(options).Settings.Endpoints[0].Deployment);
    }

    /// <summary>With one endpoint, which has no key.</summary>
    private static IConfiguration SectionWith(string name, string value) =>
        Given.Configuration(($"Pool:{name}", value), ($"Pool:{VariableNames.Connection}:0:{VariableNames.Endpoint}", Given.Address)).GetSection("Pool");
}
