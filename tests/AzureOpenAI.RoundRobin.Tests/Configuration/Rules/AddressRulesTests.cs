using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Rules;

public sealed class AddressRulesTests
{
    [Theory]
    [InlineData("https://east.openai.azure.com")]
    [InlineData("https://east.openai.azure.com:8443/")]
    [InlineData("https://apim.example/genai/openai/gpt4o")]
    [InlineData("https://east.services.ai.azure.com/openai/v1/")]
    [InlineData("https://apim.example/team/openai/v1")]
    [InlineData("https://apim.example/openai/v10")]
    [InlineData("https://apim.example/openai/deployments-of-ours")]
    [InlineData("http://localhost:5001/east")]
    [InlineData("http://127.8.9.10:5001")]
    [InlineData("http://[::1]:5001/openai/v1")]
    public void Check_GoodAddress_SaysNothing(string address)
    {
        Assert.Empty(AddressRules.Check(new Uri(address)));
    }

    [Theory]
    [InlineData("east.openai.azure.com", "is not an absolute address")]
    [InlineData("ftp://east.openai.azure.com", "does not begin with https://")]
    [InlineData("east.openai.azure.com:443", "does not begin with https://")]
    [InlineData("http://east.openai.azure.com", "is http to another machine")]
    [InlineData("http://localhost.example.com", "is http to another machine")]
    [InlineData("http://128.0.0.1", "is http to another machine")]
    [InlineData("http://10.0.0.1", "is http to another machine")]
    [InlineData("https://hidden:hidden@east.example", "contains user information")]
    [InlineData("https://east.example/?code=hidden", "has a query")]
    [InlineData("https://east.example?", "has a query")]
    [InlineData("https://east.example/#hidden", "has a fragment")]
    [InlineData("https://east.example/openai/deployments/hidden", "end it before /openai/deployments")]
    [InlineData("https://apim.example/a/OpenAI/Deployments/", "end it before /openai/deployments")]
    [InlineData("https://east.example/openai/", "ends in /openai;")]
    [InlineData("https://east.example/openai/v1/chat/completions", "goes on past /openai/v1")]
    public void Check_BadAddress_SaysWhatAndQuotesNothing(string address, string expected)
    {
        string fault = Assert.Single(AddressRules.Check(new Uri(address, UriKind.RelativeOrAbsolute)));

        Assert.Contains(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_PastedTargetAddress_SaysEverything()
    {
        Uri address = new("http://u:p@east.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21#x");

        Assert.Equal(5, AddressRules.Check(address).Count());
    }

    [Theory]
    [InlineData("https://East.OpenAI.Azure.com", "https://east.openai.azure.com/")]
    [InlineData("HTTPS://east.openai.azure.com:443//", "https://east.openai.azure.com/")]
    [InlineData("https://apim.example:8443/A/b", "https://apim.example:8443/A/b/")]
    [InlineData("https://east.example/openai/v1/", "https://east.example/openai/v1/")]
    [InlineData("http://[::1]:5001", "http://[::1]:5001/")]
    public void Normalize_EqualAddresses_BecomeOne(string address, string expected)
    {
        Assert.Equal(expected, AddressRules.Normalize(new Uri(address)).AbsoluteUri);
    }

    [Theory]
    [InlineData("https://east.example", false)]
    [InlineData("https://east.example/openai/v1", true)]
    [InlineData("https://east.example/OpenAI/V1//", true)]
    [InlineData("https://east.example/gate/openai/v1/", true)]
    [InlineData("https://east.example/openai/v12", false)]
    [InlineData("https://east.example/myopenai/v1", false)]
    public void Kind_IsV1WhereThePathEndsSo(string address, bool isV1)
    {
        Assert.Equal(isV1 ? EndpointKind.V1 : EndpointKind.Classic, AddressRules.Kind(new Uri(address)));
    }

    [Theory]
    [InlineData("https://East.openai.azure.com", "east")]
    [InlineData("https://gateway:8443/a", "gateway")]
    [InlineData("http://127.0.0.1:5001", "127.0.0.1-5001")]
    [InlineData("http://localhost:5001", "localhost-5001")]
    [InlineData("http://[::1]:5001", "[::1]-5001")]
    public void DefaultName_IsTheFirstLabelOrHostAndPort(string address, string expected)
    {
        Assert.Equal(expected, AddressRules.DefaultName(new Uri(address)));
    }
}
