using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Rules;

public sealed class AddressRulesTests
{
    [Theory]
    [InlineData("https://east.openai.azure.com")]
    [InlineData("https://east.openai.azure.com:8443/")]
    [InlineData("https://apim.example/genai/openai/gpt4o")]
    [InlineData("https://east.example/#")]
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
    [InlineData("https://east.example/#hidden", "has a fragment")]
    public void Check_BadAddress_SaysWhatAndQuotesNothing(string address, string expected)
    {
        string fault = Assert.Single(AddressRules.Check(new Uri(address, UriKind.RelativeOrAbsolute)));

        Assert.Contains(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", fault, StringComparison.Ordinal);
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
