using System.Globalization;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>A pause reaches the pool through the real SDK, however the wire words it.</summary>
[Trait("Rule", "R7")]
public sealed class PauseInOtherWordsOverHttpTests
{
    private static readonly string[] Words =
    [
        """403|Retry-After: 200|{"statusCode":403,"message":"Out of call volume quota."}""",
        "529|Retry-After: 200|",
        "504|Retry-After: 200|<html>Gateway timeout</html>",
        "429|Retry-After: 200, 200|{}",
        "429|Retry-After: 20;Retry-After: 200|{}",
        "503|retry-after-ms: 200000;Retry-After: 1|{}",
        "429|x-ratelimit-remaining-tokens: 0;x-ratelimit-reset-tokens: 3m20s|{}",
        """429||{"statusCode":429,"message":"Rate limit is exceeded. Try again in 200 seconds."}""",
        """429||{"error":{"code":"429","message":"Your requests have exceeded the token rate limit. Please retry after 200 seconds."}}""",
    ];

    public static TheoryData<string, bool> Cases => new MatrixTheoryData<string, bool>(Words, [false, true]);

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task It_is_the_cooldown(string words, bool streaming)
    {
        string[] parts = words.Split('|');
        string headers = string.Concat(parts[1].Split(';', StringSplitOptions.RemoveEmptyEntries).Select(static line => line + "\r\n"));
        string answer = RawServer.Json(parts[2], int.Parse(parts[0], CultureInfo.InvariantCulture), headers);

        await AssertRestsAsync(answer, streaming);
    }

    /// <summary>A gateway whose clock is seven hours off.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_date_counts_by_the_clock_of_its_sender(bool streaming) => await AssertRestsAsync(
        RawServer.Json("{}", 429, "Date: Thu, 01 Jan 2026 07:00:00 GMT\r\nRetry-After: Thu, 01 Jan 2026 07:03:20 GMT\r\n"), streaming);

    private static async Task AssertRestsAsync(string answer, bool streaming)
    {
        foreach (bool isV1 in new[] { false, true })
        {
            await using RawPair pair = new(exchange => exchange.WriteAsync(answer), isV1);

            Assert.Equal(RawPair.WestText, (await pair.Client.AskAsync(streaming, "hello", null, TestContext.Current.CancellationToken)).Text);

            EndpointStatus east = pair.Pool.GetStatus()[0];
            Assert.Equal(TimeSpan.FromSeconds(200), east.LastError!.RetryAfter);
            Assert.InRange(east.ReadyIn!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(200));
        }
    }
}
