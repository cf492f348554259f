using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

public class LimitHeadersTests
{
    private const double Usual = 10;

    [Fact]
    public void NearFor_NothingSaid_IsNothing() => Assert.Null(NearFor());

    [Theory]
    [InlineData("60", "100", 0.0)]
    [InlineData("11", "100", 0.0)]
    [InlineData("10", "100", Usual)]
    [InlineData("1", "100", Usual)]
    [InlineData("0", "100", Usual)]
    [InlineData("100", "100", 0.0)]
    [InlineData(" 60 ", "100", 0.0)]
    [InlineData("0.5", "100", Usual)]
    [InlineData("101", "100", null)]
    [InlineData("-1", "100", null)]
    [InlineData("", "100", null)]
    [InlineData("soon", "100", null)]
    [InlineData("NaN", "100", null)]
    [InlineData("Infinity", "100", null)]
    [InlineData("1e999", "100", null)]
    [InlineData("99999999999999999999", "100", null)]
    // Without a credible limit only nothing at all is near.
    [InlineData("0", null, Usual)]
    [InlineData("1", null, 0.0)]
    [InlineData("0", "0", Usual)]
    [InlineData("1", "0", 0.0)]
    [InlineData("1", "-1", 0.0)]
    [InlineData("1", "many", 0.0)]
    [InlineData("1", "NaN", 0.0)]
    public void NearFor_WhatRemains_IsBelievedWhereItCanBe(string remaining, string? limit, double? seconds)
    {
        foreach (string kind in new[] { "requests", "tokens" })
        {
            Assert.Equal(seconds, NearFor(($"x-ratelimit-remaining-{kind}", remaining), ($"x-ratelimit-limit-{kind}", limit)));
        }
    }

    [Fact]
    public void NearFor_NamesInAnyCase_AreTheSame() => Assert.Equal(
        3, NearFor(("X-RateLimit-Remaining-Tokens", "0"), ("X-RATELIMIT-LIMIT-TOKENS", "100"), ("x-ratelimit-RESET-tokens", "3")));

    [Theory]
    [InlineData("x-ratelimit-remaining")]
    [InlineData("x-ratelimit-remaining-images")]
    [InlineData("x-ratelimit-requests")]
    [InlineData("x-ratelimit--requests")]
    [InlineData("x-ratelimit-remaining-requests-tokens")]
    public void NearFor_ANameOfTheFamilyThatIsNotKnown_IsNothing(string name) => Assert.Null(NearFor((name, "0")));

    [Fact]
    public void NearFor_ALimitWithoutARemainder_IsNothing() => Assert.Null(NearFor(("x-ratelimit-limit-tokens", "100"), ("x-ratelimit-reset-tokens", "10")));

    [Theory]
    [InlineData("10", 10)]
    [InlineData("0.5", 0.5)]
    [InlineData("60", 60)]
    [InlineData("10s", 10)]
    [InlineData("250ms", 0.25)]
    [InlineData("1m0s", 60)]
    [InlineData("0m7.5s", 7.5)]
    [InlineData("1s500ms", 1.5)]
    [InlineData("0h0m3s", 3)]
    // Not credible, or further away than one should go by.
    [InlineData("6m0s", Usual)]
    [InlineData("1h2m", Usual)]
    [InlineData("61", Usual)]
    [InlineData("0", Usual)]
    [InlineData("0s", Usual)]
    [InlineData("-1", Usual)]
    [InlineData("", Usual)]
    [InlineData("soon", Usual)]
    [InlineData("10 s", Usual)]
    [InlineData("10x", Usual)]
    [InlineData("s", Usual)]
    [InlineData("1.2.3s", Usual)]
    [InlineData("99999999999999999999", Usual)]
    [InlineData("99999999999999999999h", Usual)]
    [InlineData("86399999h86399999h86399999h", Usual)]
    [InlineData("NaN", Usual)]
    [InlineData(null, Usual)]
    public void NearFor_AReset_IsTheRestWhereItIsCredible(string? reset, double seconds) => Assert.Equal(
        seconds, NearFor(("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-limit-tokens", "100"), ("x-ratelimit-reset-tokens", reset)));

    [Fact]
    public void NearFor_RequestsAndTokens_TheLongerRestCounts()
    {
        (string, string?)[] both =
        [
            ("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-limit-requests", "10"), ("x-ratelimit-reset-requests", "2"),
            ("x-ratelimit-remaining-tokens", "1"), ("x-ratelimit-limit-tokens", "100"), ("x-ratelimit-reset-tokens", "5"),
        ];

        Assert.Equal(5, NearFor(both));
        Assert.Equal(5, NearFor([.. both.Reverse()]));
        Assert.Equal(2, NearFor([.. both[..3], ("x-ratelimit-remaining-tokens", "100"), ("x-ratelimit-limit-tokens", "100")]));
        Assert.Equal(2, NearFor([.. both[..3], ("x-ratelimit-remaining-tokens", "garbage")]));
    }

    [Theory]
    [InlineData("50", 0.0)]
    [InlineData("90", 0.0)]
    [InlineData("90.1", 0.25)]
    [InlineData("100%", 0.25)]
    [InlineData("50%", 0.0)]
    [InlineData("95 %", 0.25)]
    [InlineData("250", 0.25)]
    [InlineData("0", 0.0)]
    [InlineData("-5", null)]
    [InlineData("full", null)]
    [InlineData("%", null)]
    public void NearFor_Utilisation_IsNearAboveNinetyPercent(string utilisation, double? seconds) =>
        Assert.Equal(seconds, NearFor(("azure-openai-deployment-utilization", utilisation)));

    [Theory]
    [InlineData("x-ms-spillover-from-deployment")]
    [InlineData("x-ms-spillover-from-ptu")]
    public void NearFor_AnAnswerThatAnotherDeploymentTookOver_IsNear(string name)
    {
        Assert.Equal(0.25, NearFor((name, "ptu")));
        Assert.Equal(0.25, NearFor((name, "ptu"), ("azure-openai-deployment-utilization", "10")));
    }

    [Fact]
    public void NearFor_AnyHeaders_IsNullOrAtMostAMinute()
    {
        Gen<string?> value = Gen.OneOf(
            Gen.Const(() => (string?)null),
            Gen.OneOf("0", "1", "-1", "10", "100", "1e308", "-0", "NaN", "∞", "6m0s", "1h", "9h9m9s9ms", "250ms", "60s", "%", "99%", ".", "..", "1.5", "00", "1_000")
                .Select(text => (string?)text),
            Gen.String[Gen.Char["0123456789.mshe-+% "], 0, 12].Select(text => (string?)text),
            Gen.String[0, 6].Select(text => (string?)text));
        string[] names =
        [
            "x-ratelimit-remaining-requests", "x-ratelimit-limit-requests", "x-ratelimit-reset-requests", "x-ratelimit-remaining-tokens",
            "x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens", "azure-openai-deployment-utilization", "x-ms-spillover-from-ptu",
        ];
        value.Array[names.Length].Sample(
            values =>
            {
                double? seconds = NearFor([.. names.Zip(values)]);
                Assert.True(seconds is null or (>= 0 and <= 60), $"{seconds}");
            },
            iter: 20_000);
    }

    private static double? NearFor(params (string Name, string? Value)[] headers)
    {
        using HttpResponseMessage answer = new();
        foreach ((string name, string? value) in headers)
        {
            _ = value is null || answer.Headers.TryAddWithoutValidation(name, value);
        }

        return LimitHeaders.NearFor(answer.Headers.NonValidated, "x-ms-spillover-from-ptu")?.TotalSeconds;
    }
}
