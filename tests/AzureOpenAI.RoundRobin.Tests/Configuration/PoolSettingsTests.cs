using AzureOpenAI.RoundRobin.Configuration;

namespace AzureOpenAI.RoundRobin.Tests.Configuration;

public sealed class PoolSettingsTests
{
    [Theory]
    [InlineData("x", "x", true)]
    [InlineData("x", "y", false)]
    [InlineData("x", null, false)]
    [InlineData(null, "x", false)]
    [InlineData(null, null, false)]
    public void WithTransportOf_TheSameName_KeepsTheClientThatWasMade(string? before, string? after, bool kept)
    {
        using HttpClient first = new();
        using HttpClient second = new();

        PoolSettings settings = Settings(after, second).WithTransportOf(Settings(before, first));

        Assert.Same(kept ? first : second, settings.HttpClient);
    }

    private static PoolSettings Settings(string? name, HttpClient client) => new() { Endpoints = [], HttpClientName = name, HttpClient = client };
}
