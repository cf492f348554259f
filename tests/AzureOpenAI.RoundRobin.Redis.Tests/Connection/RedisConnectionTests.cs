using AzureOpenAI.RoundRobin.Redis.Connection;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Connection;

public sealed class RedisConnectionTests
{
    /// <summary>By default the client waits for 2.5 s at least, and for up to 10 s where it has tried often.</summary>
    [Fact]
    public async Task OneOfItsOwn_IsMadeAgainAfterASecond_HoweverOftenItWasTried()
    {
        ConfigurationOptions options = ConfigurationOptions.Parse("localhost");
        Assert.Equal((false, true), (Retries(options, 0, 2_400), Retries(options, 0, 2_600)));
        Assert.Equal((false, true), (Retries(options, 1_000, 2_400), Retries(options, 1_000, 10_001)));

        await using RedisConnection connection = RedisConnection.Open(options);
        Assert.Equal((false, true), (Retries(options, 0, 900), Retries(options, 0, 1_001)));
        Assert.True(Retries(options, 1_000, 1_001));
    }

    private static bool Retries(ConfigurationOptions options, long count, int milliseconds) => options.ReconnectRetryPolicy.ShouldRetry(count, milliseconds);
}
