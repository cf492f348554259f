using System.Globalization;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Outcomes;

public class RetryAfterTests
{
    [Theory]
    [InlineData("retry-after-ms", "1500", 1.5)]
    [InlineData("retry-after-ms", "0.5", 0.0005)]
    [InlineData("x-ms-retry-after-ms", "250", 0.25)]
    [InlineData("Retry-After", "7", 7)]
    [InlineData("Retry-After", "1.25", 1.25)]
    [InlineData("Retry-After", " 3 ", 3)]
    [InlineData("Retry-After", "86400", 86400)]
    public void Parse_ANumber_IsTheWait(string name, string value, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Parse((name, value)));

    [Fact]
    public void Parse_ADate_IsTheTimeUntilThen() =>
        Assert.Equal(TimeSpan.FromSeconds(90), Parse(("Retry-After", Clocks.Start.AddSeconds(90).ToString("R", CultureInfo.InvariantCulture))));

    [Fact]
    public void Parse_ADateInThePast_IsNoHint() =>
        Assert.Null(Parse(("Retry-After", Clocks.Start.AddSeconds(-90).ToString("R", CultureInfo.InvariantCulture))));

    [Fact]
    public void Parse_NoHeader_IsNoHint() => Assert.Null(Parse());

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("-0.5")]
    [InlineData("soon")]
    [InlineData("NaN")]
    [InlineData("1 s")]
    [InlineData("Infinity")]
    [InlineData("-Infinity")]
    [InlineData("1e30")]
    [InlineData("922337203685477.5")]
    [InlineData("99999999999999999999999999")]
    [InlineData("Fri, 31 Dec 9999 23:59:59 GMT")]
    [InlineData(",")]
    [InlineData("0, -1")]
    public void Parse_Garbage_IsNoHint(string value)
    {
        Assert.Null(Parse(("retry-after-ms", value)));
        Assert.Null(Parse(("x-ms-retry-after-ms", value)));
        Assert.Null(Parse(("Retry-After", value)));
    }

    [Fact]
    public void Parse_SeveralHeaders_TheMostExactWins()
    {
        Assert.Equal(TimeSpan.FromSeconds(1), Parse(("retry-after-ms", "1000"), ("x-ms-retry-after-ms", "2000"), ("Retry-After", "3")));
        Assert.Equal(TimeSpan.FromSeconds(2), Parse(("x-ms-retry-after-ms", "2000"), ("Retry-After", "3")));
    }

    [Fact]
    public void Parse_GarbageInTheMostExact_ReadsTheNext()
    {
        Assert.Equal(TimeSpan.FromSeconds(2), Parse(("retry-after-ms", "x"), ("x-ms-retry-after-ms", "2000"), ("Retry-After", "3")));
        Assert.Equal(TimeSpan.FromSeconds(3), Parse(("retry-after-ms", "0"), ("x-ms-retry-after-ms", "-1"), ("Retry-After", "3")));
    }

    [Theory]
    [InlineData("4, 4", 4)]
    [InlineData("4,9", 9)]
    [InlineData("soon, 7", 7)]
    [InlineData("Thu, 01 Jan 2026 00:01:30 GMT, 20", 90)]
    [InlineData("Thu, 01 Jan 2026 00:01:30 GMT, Thu, 01 Jan 2026 00:01:40 GMT", 100)]
    public void Parse_SeveralValues_TheLongestIsTheWait(string value, double seconds)
    {
        Assert.Equal(TimeSpan.FromSeconds(seconds), Parse(("Retry-After", value)));
        Assert.Equal(TimeSpan.FromSeconds(seconds), Parse(("Retry-After", "1"), ("Retry-After", value)));
    }

    [Fact]
    public void Parse_AnyText_NeverThrowsAndIsNeverAWaitOfNothing() => Gen.Select(Gen.String, Gen.String, Gen.Double).Sample((first, second, number) =>
    {
        string text = number.ToString(CultureInfo.InvariantCulture);
        foreach (string value in new[] { first, second, text })
        {
            Assert.True(Parse(("retry-after-ms", value), ("x-ms-retry-after-ms", second), ("Retry-After", first)) is not { } hint || hint > TimeSpan.Zero);
        }
    }, iter: 2000);

    private static TimeSpan? Parse(params (string Name, string Value)[] headers)
    {
        ILookup<string, string> all = headers.ToLookup(header => header.Name, header => header.Value, StringComparer.OrdinalIgnoreCase);
        return RetryAfter.Parse(name => all.Contains(name) ? all[name] : null, Clocks.Start);
    }
}
