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

    private const string Absent = "(absent)";

    public static TheoryData<string> Odd => new() { Absent, "0", "-1", "", "soon", "6m0s", "1ms", "2026-01-01T00:00:00Z", "1e99", "99999999999999999999" };

    [Theory]
    [MemberData(nameof(Odd))]
    public async Task Rules_ForABeginning_SpoilAllOfThemOnSuccessAndRejection(string value)
    {
        string? expected = value == Absent ? null : value;
        string[] limits = ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];
        await using var azure = await Simulators.StartLimitedAsync(new FakeTimeProvider(), deployment => (deployment.RequestsPerMinute, deployment.TokensPerMinute) = (6, 1000));
        using var client = new WireClient(azure["east"]);
        _ = value == Absent ? azure["east"].Headers.Omit("X-RateLimit-*") : azure["east"].Headers.Replace("X-RateLimit-*", value);

        var admitted = await client.ChatAsync();
        var rejected = await client.ChatAsync();

        Assert.Equal((200, 429), (admitted.Status, rejected.Status));
        Assert.All(limits, name => Assert.Equal((expected, expected), (admitted.Header(name), rejected.Header(name))));
        Assert.Equal("10000", rejected.Header("retry-after-ms"));
        Assert.NotNull(admitted.Header("x-request-id"));
    }

    [Fact]
    public async Task Rules_ForAWholeName_GoBeforeThoseForABeginning()
    {
        await using var azure = await Simulators.StartLimitedAsync(new FakeTimeProvider(), deployment => (deployment.RequestsPerMinute, deployment.TokensPerMinute) = (600, 1000));
        using var client = new WireClient(azure["east"]);
        azure["east"].Headers.Omit("x-ratelimit-*").Replace("x-ratelimit-remaining-*", "0").Replace("x-ratelimit-remaining-tokens", "-1").Add("x-extra", "1");

        var answer = await client.ChatAsync();

        Assert.Equal((null, "0", "-1", "1"), (answer.Header("x-ratelimit-limit-tokens"), answer.Header("x-ratelimit-remaining-requests"), answer.Header("x-ratelimit-remaining-tokens"), answer.Header("x-extra")));
        Assert.Throws<ArgumentException>(() => azure["east"].Headers.Add("x-ratelimit-*", "1"));
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
