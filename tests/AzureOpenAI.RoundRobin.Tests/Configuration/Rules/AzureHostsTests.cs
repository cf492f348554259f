using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Rules;

[Trait("Rule", "R18")]
public sealed class AzureHostsTests
{
    [Theory]
    [InlineData("r.openai.azure.com", (int)AzureHost.Resource)]
    [InlineData("R.OpenAI.Azure.com.", (int)AzureHost.Resource)]
    [InlineData("r.services.ai.azure.com", (int)AzureHost.Resource)]
    [InlineData("r.cognitiveservices.azure.us", (int)AzureHost.Resource)]
    [InlineData("r.privatelink.openai.azure.com", (int)AzureHost.Resource)]
    [InlineData("eastus.api.cognitive.microsoft.com", (int)AzureHost.Resource)]
    [InlineData("chinaeast2.api.cognitive.azure.cn", (int)AzureHost.Resource)]
    [InlineData("team.azure-api.net", (int)AzureHost.ApiManagement)]
    [InlineData("team.azure-api.us", (int)AzureHost.ApiManagement)]
    [InlineData("cognitiveservices.azure.cn", (int)AzureHost.NoResource)]
    [InlineData("services.ai.azure.com", (int)AzureHost.NoResource)]
    [InlineData("oai.azure.com", (int)AzureHost.Portal)]
    [InlineData("portal.azure.us", (int)AzureHost.Portal)]
    [InlineData("api.openai.com", (int)AzureHost.OpenAI)]
    [InlineData("localhost", (int)AzureHost.Unknown)]
    [InlineData("127.0.0.1", (int)AzureHost.Unknown)]
    [InlineData("ropenai.azure.com", (int)AzureHost.Unknown)]
    [InlineData("r.openai.azure.com.example", (int)AzureHost.Unknown)]
    [InlineData("r.openai.azure.de", (int)AzureHost.Unknown)]
    public void Find_GoesByTheEndOfTheHost(string host, int expected)
    {
        Assert.Equal((AzureHost)expected, AzureHosts.Find(new Uri($"https://{host}/")));
    }
}
