using AzureOpenAI.RoundRobin.Configuration.Sources;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Sources;

public sealed class MisspeltNamesTests
{
    [Theory]
    [InlineData("azure_endpoint", EntryField.Endpoint)]
    [InlineData("AZURE-OPENAI-ENDPOINT", EntryField.Endpoint)]
    [InlineData("AZURE_OPENAI_ENDPOIN", EntryField.Endpoint)]
    [InlineData("endpoints", EntryField.Endpoint)]
    [InlineData("url", EntryField.Endpoint)]
    [InlineData("base_url", EntryField.Endpoint)]
    [InlineData("api_base", EntryField.Endpoint)]
    [InlineData("OPENAI_API_BASE", EntryField.Endpoint)]
    [InlineData("api-key", EntryField.ApiKey)]
    [InlineData("key", EntryField.ApiKey)]
    [InlineData("AZURE_OPENAI_KEY", EntryField.ApiKey)]
    [InlineData("OPENAI_API_KEY", EntryField.ApiKey)]
    [InlineData("AZURE_OPENAI_APIKEY", EntryField.ApiKey)]
    [InlineData("deployment", EntryField.Deployment)]
    [InlineData("AZURE_OPENAI_DEPLOYMENT", EntryField.Deployment)]
    [InlineData("AZURE_OPENAI_DEPLOYMENT_NAME", EntryField.Deployment)]
    [InlineData("engine", EntryField.Deployment)]
    [InlineData("model_name", EntryField.Model)]
    [InlineData("models", EntryField.Deployments)]
    [InlineData("api-version", EntryField.ApiVersion)]
    [InlineData("OPENAI_API_VERSION", EntryField.ApiVersion)]
    [InlineData("max_completion_tokens", EntryField.MaxTokens)]
    [InlineData("temprature", EntryField.Temperature)]
    [InlineData("wieght", EntryField.Weight)]
    [InlineData("rpm", EntryField.RequestsPerMinute)]
    [InlineData("TPM", EntryField.TokensPerMinute)]
    [InlineData("region", null)]
    [InlineData("x", null)]
    [InlineData("color", null)]
    [InlineData("sku", null)]
    [InlineData("comment", null)]
    [InlineData("", null)]
    public void Field_ThatIsMeant(string name, object? expected) => Assert.Equal((EntryField?)expected, MisspeltNames.Field(name));

    [Fact]
    public void TheWarning_IsInTheFaultThatItExplains()
    {
        Assert.Equal(
            [
                "Endpoint 1: AZURE_OPENAI_ENDPOINT is missing; the name 'azure_endpoint' is unknown; did you mean AZURE_OPENAI_ENDPOINT?",
                "Endpoint 1: AZURE_OPENAI_API_KEY is missing; the name 'api-key' is unknown; did you mean AZURE_OPENAI_API_KEY?",
                "Endpoint 1: no deployment is named; name one at the endpoint (azure_deployment or model, in code EndpointOptions.DeploymentName), in RoundRobinOptions.DeploymentName, or in AZURE_OPENAI_DEPLOYMENT. "
                    + "Endpoint 1: the name 'engine' is unknown; did you mean azure_deployment?",
            ],
            Given.Faults(() => Given.Read(Form.Json, $$"""[{"azure_endpoint":"{{Given.Address}}","api-key":"{{Given.Key}}","engine":"gpt-4o"}]""", new RoundRobinOptions())));
        Assert.Equal(
            "Endpoint 1: Endpoint is missing; the name 'Url' is unknown; did you mean Endpoint?",
            Given.Fault(Form.Section, $$"""[{"Url":"{{Given.Address}}","ApiKey":"{{Given.Key}}"}]"""));
    }

    [Theory]
    [InlineData("azure_openai_key", "Endpoint 1: the name 'azure_openai_key' is unknown and ignored; did you mean AZURE_OPENAI_API_KEY?")]
    [InlineData("0123456789abcdef0123456789ABCDE1", "Endpoint 1: a name of 32 characters, not shown since it could be a key, is unknown and ignored.")]
    public void AnUnknownName_WithoutAFault_IsAWarning(string name, string expected) =>
        Assert.Equal(expected, Assert.Single(Given.Read(Form.Json, $"[{Given.Entry($"\"{name}\":\"x\"")}]").Warnings));
}
