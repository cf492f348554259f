using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Sources;

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
        options.AttemptTimeout = TimeSpan.Zero;
        options.FirstContentTimeout = TimeSpan.Zero;
        options.MaxAttempts = 0;

        Assert.Equal(
            [
                "Temperature is 3; it must be 0 to 2.",
                "MaxOutputTokens is 0; it must be 1 or more.",
                "MaxWait is -00:00:00.0010000; it must be from zero to 01:00:00.",
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

        Assert.Equal("Affinity is 7; it must be None or PromptCache.", Given.Fault(() => ConfigurationResolver.ForPool(options)));
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
    public void Check_BaseDeploymentWithASlash_IsFineWhereNoPathCarriesIt()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint("https://east.example/openai/v1"));
        options.DeploymentName = "vendor/model";

        Assert.Equal("vendor/model", ConfigurationResolver.ForPool(options).Settings.Endpoints[0].Deployment);
    }
}
