using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Rules;
using AzureOpenAI.RoundRobin.Configuration.Sources;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Rules;

public sealed class PlaceholdersTests
{
    private const string Vault = "is a Key Vault reference that was not resolved;";
    private const string Variable = "is the name of a variable, which was not replaced;";
    private const string VariableInside = "has the name of a variable in it that was not replaced;";
    private const string Quotes = "begins or ends with a quotation mark;";
    private const string Placeholder = "is still a placeholder;";
    private const string Inside = "still has a placeholder in it;";
    private const string NotAbsolute = "is not an absolute address;";

    /// <summary>What cannot be a key, and what is said of it.</summary>
    public static TheoryData<string, string> Keys => new()
    {
        { "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/openai/)", Vault },
        { "@Microsoft.KeyVault(VaultName=v;SecretName=openai)", Vault },
        { "@microsoft.keyvault(SecretUri=https://v.vault.azure.net/secrets/openai/0123456789abcdef0123456789ABCDEF)", Vault },
        { "%AZURE_OPENAI_API_KEY%", Variable },
        { "%key%", Variable },
        { "$AZURE_OPENAI_API_KEY", Variable },
        { "$KEY", Variable },
        { "$openai_key", Variable },
        { "$apiKey", Variable },
        { "$env:AZURE_OPENAI_API_KEY", Variable },
        { "${AZURE_OPENAI_API_KEY}", Variable },
        { "${AZURE_OPENAI_API_KEY:-none}", Variable },
        { "$(AZURE_OPENAI_API_KEY)", Variable },
        { "$(cat key.txt)", Variable },
        { "${{ secrets.AZURE_OPENAI_API_KEY }}", Variable },
        { "#{AzureOpenAIKey}#", Variable },
        { "__AZURE_OPENAI_API_KEY__", Variable },
        { "'0123456789abcdef0123456789ABCDEF'", Quotes },
        { "\"0123456789abcdef0123456789ABCDEF\"", Quotes },
        { "\"0123456789abcdef0123456789ABCDEF", Quotes },
        { "0123456789abcdef0123456789ABCDEF'", Quotes },
        { "\u201C0123456789abcdef0123456789ABCDEF\u201D", Quotes },
        { "`0123456789abcdef0123456789ABCDEF`", Quotes },
        { "<key>", Placeholder },
        { "<your-key>", Placeholder },
        { "<your key here>", Placeholder },
        { "{key}", Placeholder },
        { "{{key}}", Placeholder },
        { "[your key]", Placeholder },
        { "your-api-key", Placeholder },
        { "your-api-key-1", Placeholder },
        { "your_api_key_2", Placeholder },
        { "YOUR_AZURE_OPENAI_API_KEY", Placeholder },
        { "your api key", Placeholder },
        { "YourApiKey", Placeholder },
        { "yourkey1", Placeholder },
        { "insert-your-key-here", Placeholder },
        { "PASTE_YOUR_KEY_HERE", Placeholder },
        { "replace-with-your-key", Placeholder },
        { "put-key-here", Placeholder },
        { "changeme", Placeholder },
        { "change-me", Placeholder },
        { "REPLACE_ME", Placeholder },
        { "TODO", Placeholder },
        { "xxxxxxxxxxxxxxxx", Placeholder },
        { "XXX", Placeholder },
        { "********", Placeholder },
        { "...", Placeholder },
        { "\u2026", Placeholder },
        { "https://east.openai.azure.com", "is an address; put the key of the resource there." },
    };

    /// <summary>What can be a key, of the service or of a gateway.</summary>
    public static TheoryData<string> GoodKeys =>
    [
        Given.Key, "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIjKl", "key", "key1", "secret", "a-key-of-the-east-0123", "$ecretOfTheGateway1", "$1a2b3c",
        "%41%42", "100%", "#hash", "abc+/=_-.~!", "dGhpcyBpcyBhIHNlY3JldA==", "yourselfie0a1b2c3d", "yourb1c2d3e4f5a6yourb1c2d3e4f5a6", "my-key", "xx", "..", "to-do", "placeholder1of2",
    ];

    public static TheoryData<string, string> Addresses => new()
    {
        { "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/openai/)", Vault },
        { "%AZURE_OPENAI_ENDPOINT%", Variable },
        { "$AZURE_OPENAI_ENDPOINT", Variable },
        { "${AZURE_OPENAI_ENDPOINT}", Variable },
        { "https://${RESOURCE}.openai.azure.com", VariableInside },
        { "https://$RESOURCE.openai.azure.com", VariableInside },
        { "https://$(RESOURCE).openai.azure.com", VariableInside },
        { "https://%RESOURCE%.openai.azure.com", VariableInside },
        { "\"https://east.openai.azure.com\"", Quotes },
        { "'https://east.openai.azure.com'", Quotes },
        { "https://<your-resource>.openai.azure.com", Inside },
        { "https://<resource>.openai.azure.com/", Inside },
        { "https://{resource}.openai.azure.com", Inside },
        { "https://[your resource].openai.azure.com", Inside },
        { "<endpoint>", Inside },
        { "your-resource-name", Inside },
        { "your-endpoint-1", Inside },
        { "endpoint1", Inside },
        { "https://your-resource-name.openai.azure.com", Inside },
        { "https://YOUR-RESOURCE.openai.azure.com/", Inside },
        { "https://your_resource_name.openai.azure.com", Inside },
        { "https://yourresource.cognitiveservices.azure.com", Inside },
        { "https://your-resource.services.ai.azure.com/openai/v1", Inside },
        { "https://your-azure-openai-resource.openai.azure.com/openai/deployments/gpt-4o", Inside },
        { "https://your-gateway.azure-api.net/genai", Inside },
        { "https://my-resource.openai.azure.com", Inside },
        { "https://resource-name.openai.azure.com", Inside },
        { "https://endpoint1.openai.azure.com", Inside },
        { "https://endpoint-2.openai.azure.com/", Inside },
        { "contoso.openai.azure.com", NotAbsolute },
        { "/etc/secrets/endpoint", NotAbsolute },
    };

    public static TheoryData<string> GoodAddresses =>
    [
        "https://contoso-sweden.openai.azure.com", "https://endpoint1.example", "https://resource.contoso.com", "https://my-resource.contoso.com/a", "https://yourhouse.openai.azure.com",
        "https://endpoints-of-contoso.openai.azure.com", "https://my-company.openai.azure.com", "http://localhost:5000", "https://gateway.contoso.com/genai",
    ];

    [Theory]
    [MemberData(nameof(Keys))]
    public void Key_ThatCannotBeOne_IsAFaultAndNotQuoted(string key, string expected)
    {
        foreach (Form form in Enum.GetValues<Form>())
        {
            string fault = Assert.Single(Given.Faults(() => Given.Read(form, $$"""[{"AZURE_OPENAI_ENDPOINT":"{{Given.Address}}","AZURE_OPENAI_API_KEY":{{System.Text.Json.JsonSerializer.Serialize(key)}}}]""")));

            Assert.StartsWith("Endpoint 1: AZURE_OPENAI_API_KEY " + expected, fault, StringComparison.Ordinal);
        }

        Assert.StartsWith("Endpoint 1: ApiKey " + expected, Given.Fault(() => ConfigurationResolver.ForPool(Given.Options(Given.Endpoint(configure: endpoint => endpoint.ApiKey = key)))), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(GoodKeys))]
    public void Key_ThatCanBeOne_IsTaken(string key) => Assert.Null(TextRules.Key(key));

    [Theory]
    [MemberData(nameof(Addresses))]
    public void Address_ThatCannotBeOne_IsAFaultAndNotQuoted(string address, string expected)
    {
        foreach (Form form in Enum.GetValues<Form>())
        {
            string[] faults = Given.Faults(() => Given.Read(form, $"[{Given.Entry(address: address.Replace("\"", "\\\"", StringComparison.Ordinal))}]"));

            Assert.StartsWith("Endpoint 1: AZURE_OPENAI_ENDPOINT " + expected, Assert.Single(faults), StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(GoodAddresses))]
    public void Address_ThatCanBeOne_IsTaken(string address) => Assert.Empty(TargetAddress.Read(new Uri(address)).Faults);

    [Theory]
    [InlineData("your-deployment-name", Placeholder)]
    [InlineData("<deployment>", Placeholder)]
    [InlineData("{deployment-id}", Placeholder)]
    [InlineData("%AZURE_OPENAI_DEPLOYMENT%", Variable)]
    [InlineData("$AZURE_OPENAI_DEPLOYMENT", Variable)]
    [InlineData("'gpt-4o'", Quotes)]
    [InlineData("gpt-4o", null)]
    [InlineData("deployment1", null)]
    [InlineData("yours", null)]
    public void Deployment(string deployment, string? expected)
    {
        foreach (bool inPath in new[] { true, false })
        {
            string? fault = TextRules.Deployment(deployment, inPath);

            Assert.Equal(expected is null, fault is null);
            Assert.StartsWith(expected ?? "", fault ?? "", StringComparison.Ordinal);
        }
    }

    [Fact]
    public void TheApiVersion_InQuotes_IsAFaultThatSaysSo() => Assert.StartsWith(Quotes, TextRules.ApiVersion("\"2024-10-21\""), StringComparison.Ordinal);

    [Theory]
    [InlineData("@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/openai/)", Vault)]
    [InlineData("%CONNECTION%", Variable)]
    [InlineData(" ${CONNECTION}\n", Variable)]
    [InlineData("$(cat connection.json)", Variable)]
    public void TheConnection_ThatIsAReference_IsAFault(string text, string expected) =>
        Assert.StartsWith($"{VariableNames.Connection} {expected}", Given.Fault(Form.Json, text), StringComparison.Ordinal);

    [Fact]
    public void TheSwitch_ThatIsAReference_IsAFault() => Assert.Equal(
        "USE_AZURE_OPENAI_ROUND_ROBIN is the name of a variable, which was not replaced; set it to true, 1, yes or on, or to false, 0, no or off.",
        Given.Fault(() => ConfigurationResolver.ForSwitch(new RoundRobinOptions(), environment: Given.Environment((VariableNames.Switch, "${USE_ROUND_ROBIN}")))));

    [Fact]
    public void EveryPlaceholder_IsAFaultAtOnce()
    {
        string[] faults = Given.Faults(() => ConfigurationResolver.ForEnvironment(new RoundRobinOptions(), environment: Given.Environment((VariableNames.Connection, """
            [
              { "AZURE_OPENAI_ENDPOINT": "https://endpoint1.openai.azure.com", "AZURE_OPENAI_API_KEY": "your-api-key-1", "model": "<deployment>" },
              { "AZURE_OPENAI_ENDPOINT": "https://your-resource-name.openai.azure.com", "AZURE_OPENAI_API_KEY": "%KEY%", "model": "$DEPLOYMENT" }
            ]
            """))));

        Assert.Equal(
            ["Endpoint 1: AZURE_OPENAI_ENDPOINT", "Endpoint 1: AZURE_OPENAI_API_KEY", "Endpoint 1: model", "Endpoint 2: AZURE_OPENAI_ENDPOINT", "Endpoint 2: AZURE_OPENAI_API_KEY", "Endpoint 2: model"],
            faults.Select(static fault => string.Join(' ', fault.Split(' ')[..3])));
    }
}
