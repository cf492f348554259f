using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

public sealed class HeaderTests
{
    [Fact]
    public async Task Answer_EveryStatus_CarriesRequestIds()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.Region = "Sweden Central");
        using var client = new WireClient(azure["east"]);

        var answered = await client.ChatAsync();
        var refused = await client.ChatAsync(deployment: "none");

        Assert.Equal("Sweden Central", answered.Header("x-ms-region"));
        Assert.NotEqual(answered.Header("apim-request-id"), refused.Header("apim-request-id"));
        Assert.Equal(refused.Header("apim-request-id"), refused.Header("x-request-id"));
        Assert.Null(answered.Header("Server"));
        Assert.Null(answered.Header("x-ratelimit-remaining-requests"));
    }

    [Fact]
    public async Task RateLimit_Requests_CountDownInTheWindow()
    {
        var time = new FakeTimeProvider();
        await using var azure = await Simulators.StartLimitedAsync(time, deployment => deployment.RequestsPerMinute = 60);
        using var client = new WireClient(azure["east"]);
        time.Advance(TimeSpan.FromSeconds(3));

        await client.ChatAsync();
        var second = await client.ChatAsync(stream: true);

        Assert.Equal("60", second.Header("x-ratelimit-limit-requests"));
        Assert.Equal("8", second.Header("x-ratelimit-remaining-requests"));
        Assert.Equal("7", second.Header("x-ratelimit-reset-requests"));
    }

    [Fact]
    public async Task Rules_OmitReplaceAdd_ChangeWhatIsSent()
    {
        await using var azure = await Simulators.StartLimitedAsync(new FakeTimeProvider(), deployment => deployment.RequestsPerMinute = 6);
        using var client = new WireClient(azure["east"]);
        azure["east"].Headers.Omit("RETRY-AFTER-MS").Replace("Retry-After", "soon").Add("x-ms-spillover-error", "429");

        var admitted = await client.ChatAsync();
        var rejected = await client.ChatAsync();
        azure["east"].Headers.Clear();
        var plain = await client.ChatAsync();

        Assert.Equal((null, null, "429"), (admitted.Header("Retry-After"), admitted.Header("retry-after-ms"), admitted.Header("x-ms-spillover-error")));
        Assert.Equal(("soon", null, "429"), (rejected.Header("Retry-After"), rejected.Header("retry-after-ms"), rejected.Header("x-ms-spillover-error")));
        Assert.Equal(("10", "10000", null), (plain.Header("Retry-After"), plain.Header("retry-after-ms"), plain.Header("x-ms-spillover-error")));
    }

    [Fact]
    public async Task Rules_OfOptions_HoldFromTheStart()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.Headers.Omit("x-ms-region"));
        using var client = new WireClient(azure["east"]);

        Assert.Null((await client.ChatAsync()).Header("x-ms-region"));
    }

    [Theory]
    [InlineData("", "v")]
    [InlineData("a b", "v")]
    [InlineData("a", "v\r\nx: y")]
    public void Rules_BadHeader_Throws(string name, string value) =>
        Assert.ThrowsAny<ArgumentException>(() => new HeaderRules().Add(name, value));
}
