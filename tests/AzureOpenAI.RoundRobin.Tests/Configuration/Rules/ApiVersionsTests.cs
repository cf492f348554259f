using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Rules;

public sealed class ApiVersionsTests
{
    [Theory]
    [InlineData("2024-06-01", true)]
    [InlineData("2024-08-01-preview", true)]
    [InlineData("2023-12-01-preview", true)]
    [InlineData("2024-09-01-preview", false)]
    [InlineData("2024-10-21", false)]
    [InlineData("2025-04-01-preview", false)]
    [InlineData("preview", false)]
    [InlineData("latest", false)]
    [InlineData("v1", false)]
    [InlineData("2023", false)]
    [InlineData("0000-00", true)]
    [InlineData("1999-99", true)]
    [InlineData("/023-01", false)]
    [InlineData("1/23-01", false)]
    [InlineData("20/3-01", false)]
    [InlineData("202/-01", false)]
    [InlineData("2023_01", false)]
    [InlineData("2023-/1", false)]
    [InlineData("2023-0/", false)]
    [InlineData("1:23-01", false)]
    [InlineData("19:3-01", false)]
    [InlineData("202:-01", false)]
    [InlineData("2023-:1", false)]
    [InlineData("2023-0:", false)]
    [InlineData("2023-0", false)]
    public void IsTooOld_ComparesYearAndMonth(string version, bool expected)
    {
        Assert.Equal(expected, ApiVersions.IsTooOld(version));
    }

    [Fact]
    public void Warn_OldVersions_AreNamedOnceWithTheirEndpoints()
    {
        RoundRobinOptions options = Given.Options(
            Given.Endpoint("https://a.example"),
            Given.Endpoint("https://b.example", e => e.ApiVersion = "2025-01-01-preview"),
            Given.Endpoint("https://c.example"),
            Given.Endpoint("https://d.example/openai/v1"));
        options.ApiVersion = "2023-05-15";

        string warning = Assert.Single(ConfigurationResolver.ForPool(options).Warnings);

        Assert.StartsWith("The api-version 2023-05-15 of 'a', 'c' is older than 2024-09", warning, StringComparison.Ordinal);
    }
}
