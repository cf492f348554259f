using System.Globalization;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Outcomes;

public class StatedPauseTests
{
    private static readonly string[] Names =
    [
        "retry-after-ms", "x-ms-retry-after-ms", "Retry-After", "Date", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-tokens", "x-rate-limit-remaining", "x-rate-limit-reset", "x-rate-limit-reset-tokens",
    ];

    private static readonly Gen<string> Value = Gen.OneOf(
        Gen.OneOf("", "0", "-1", "NaN", "Infinity", "-Infinity", "1e308", "1e-320", "4, 4", ",", ",,", "1s", "6m0s", "17ms", "1m", "m", "1.5.5s", "1767225600", "1767225600000", "9e99s",
            "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 2026 01:00:00 GMT", "2026-01-01T00:00:30Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "try again in 5 seconds"),
        Gen.Double.Select(static number => number.ToString(CultureInfo.InvariantCulture)),
        Gen.Int[0, 400].Select(static number => $"{number}"),
        Gen.String);

    private static readonly Gen<string> Text = Gen.Select(
        Gen.OneOf("", "Please retry after ", "try again in ", "RETRY IN ", "wait for "), Value, Gen.OneOf("", " seconds", "s", " minutes.", " milliseconds", "h", " days", " sheep")).Select(static (asked, value, unit) => asked + value + unit);

    [Theory]
    [InlineData("1s", 1.0)]
    [InlineData("6m0s", 360.0)]
    [InlineData("17ms", 0.017)]
    [InlineData("1h2m3.5s", 3723.5)]
    [InlineData("300", 300.0)]
    [InlineData("0.25", 0.25)]
    [InlineData("1767225642", 42.0)]
    [InlineData("1767225642000", 42.0)]
    [InlineData("2026-01-01T00:00:42Z", 42.0)]
    [InlineData("Thu, 01 Jan 2026 00:00:42 GMT", 42.0)]
    [InlineData("1767225000", null)]
    [InlineData("0", null)]
    [InlineData("0s", null)]
    [InlineData("-5s", null)]
    [InlineData("1s later", null)]
    [InlineData("400d", null)]
    [InlineData("NaN", null)]
    public void Read_TheResetOfACounterAtZero_InAllItsForms(string value, double? seconds)
    {
        foreach (string counter in new[] { "x-ratelimit-{0}-requests", "x-ratelimit-{0}-tokens", "x-rate-limit-{0}-tokens", "x-ratelimit-{0}" })
        {
            (string, string)[] headers = [(Of(counter, "remaining"), "0"), (Of(counter, "reset"), value)];

            Assert.Equal(seconds, Read(429, "", headers)?.TotalSeconds);
            Assert.Null(Read(503, "", headers));
        }

        static string Of(string counter, string what) => string.Format(CultureInfo.InvariantCulture, counter, what);
    }

    [Theory]
    [InlineData("Please retry after 6 seconds.", 6.0)]
    [InlineData("Try again in 1 second", 1.0)]
    [InlineData("try again in 20ms", 0.02)]
    [InlineData("Please try again in 1m2.5s. Visit us.", 62.5)]
    [InlineData("Retry after 250 milliseconds", 0.25)]
    [InlineData("Please retry after 2 minutes", 120.0)]
    [InlineData("retry after 3 seconds, or retry after 9 seconds", 9.0)]
    [InlineData("Please retry after 6 sheep", null)]
    [InlineData("Please retry after 6", null)]
    [InlineData("It took 6 seconds", null)]
    [InlineData("retry after 0 seconds", null)]
    [InlineData("retry after 5 mistakes", null)]
    public void Read_ASentence_ThatAsksToRetryLater(string text, double? seconds)
    {
        Assert.Equal(seconds, Read(429, text)?.TotalSeconds);
        Assert.Equal(seconds, Read(503, text)?.TotalSeconds);
        Assert.Null(Read(403, text));
    }

    [Fact]
    public void Read_SeveralWords_TheMostExactFirst()
    {
        List<(string Name, string Value)> headers =
            [("retry-after-ms", "1000"), ("x-ms-retry-after-ms", "2000"), ("Retry-After", "3"), ("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "4")];
        foreach (int seconds in new[] { 1, 2, 3, 4, 5 })
        {
            Assert.Equal(seconds, Read(429, "retry after 5 seconds", [.. headers])?.TotalSeconds);
            headers.RemoveRange(0, seconds == 4 ? 2 : Math.Min(1, headers.Count));
        }
    }

    [Fact]
    public void Read_ADateOfAnotherClock_CountsByTheAnswersOwnDate() =>
        Assert.Equal(90, Read(503, "", ("Date", "Thu, 01 Jan 2026 07:00:00 GMT"), ("Retry-After", "Thu, 01 Jan 2026 07:01:30 GMT"))?.TotalSeconds);

    [Fact]
    public void Read_Garbage_NeverThrows_AndIsNoPauseOrOneOfAtMostAYear() =>
        Gen.Select(Gen.Int[400, 599], Text, Gen.Select(Gen.OneOf(Names), Value).Array[0, 6]).Sample((status, text, headers) =>
            Assert.True(Read(status, text, headers) is not { } pause || (pause > TimeSpan.Zero && pause <= TimeSpan.FromDays(366))), iter: 20_000);

    /// <summary>What is read of an enormous text is bounded, and its length costs no more than itself.</summary>
    [Fact]
    public void Read_AnEnormousText_IsReadUpToALimit()
    {
        string text = string.Concat(Enumerable.Repeat("retry after 1", 100_000));

        Assert.Null(Read(429, text));
        Assert.Null(Read(429, new string('1', 1_000_000) + " retry after 5 seconds"));
    }

    private static TimeSpan? Read(int status, string text, params (string Name, string Value)[] headers)
    {
        ILookup<string, string> all = headers.ToLookup(header => header.Name, header => header.Value, StringComparer.OrdinalIgnoreCase);
        return StatedPause.Read(status, name => all.Contains(name) ? all[name] : null, () => text, Clocks.Start, out _);
    }
}
