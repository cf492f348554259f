using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Outcomes;

public class ScarceTokensTests
{
    [Theory]
    [InlineData("Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 6 seconds.", true)]
    [InlineData("Your requests to gpt-4o for gpt-4o in East US have exceeded the token rate limit for your tier.", true)]
    [InlineData("Rate limit reached for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000.", true)]
    [InlineData("Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded the provisioned throughput of this deployment.", true)]
    [InlineData("Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded call rate limit of your current OpenAI S0 pricing tier.", false)]
    [InlineData("Rate limit reached for gpt-4o on requests per min (RPM): Limit 500, Used 500, Requested 1.", false)]
    [InlineData("Rate limit is exceeded. Try again in 3 seconds.", false)]
    [InlineData("The token of the caller is used too often.", false)]
    [InlineData("", false)]
    public void AreNamed_Text_SaysWhichLimitItIs(string text, bool named) =>
        Assert.Equal(named, Classify(FakeFailure.Saying(429, text)).NamesTokens);

    [Theory]
    [InlineData("0", null, true)]
    [InlineData("0", "12", true)]
    [InlineData("0", "0", false)]
    [InlineData("5", "0", false)]
    [InlineData("5", "12", false)]
    [InlineData(null, null, false)]
    [InlineData("none", null, false)]
    public void AreNamed_Headers_SayWhichCounterIsAtZero(string? tokens, string? requests, bool named)
    {
        (string, string)[] headers = [.. new[] { ("x-ratelimit-remaining-tokens", tokens), ("x-ratelimit-remaining-requests", requests) }
            .Where(static header => header.Item2 is not null).Select(static header => (header.Item1, header.Item2!))];

        Assert.Equal(named, Classify(FakeFailure.Status(429, headers)).NamesTokens);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(403)]
    public void AreNamed_AnotherStatus_SaysNothingOfTokens(int status) =>
        Assert.False(Classify(FakeFailure.Saying(status, "token rate limit")).NamesTokens);

    [Theory]
    [InlineData(429, "token rate limit", false)]
    [InlineData(429, "call rate limit", true)]
    [InlineData(429, "", true)]
    [InlineData(503, "", false)]
    public void MayBeOfCallsInFlight_OnlyARejectionThatDoesNotNameTokens(int status, string text, bool may) =>
        Assert.Equal(may, Classify(FakeFailure.Saying(status, text)).MayBeOfCallsInFlight);

    private static AttemptOutcome Classify(Exception exception) => OutcomeClassifier.Classify(exception, new AttemptFacts { IsSdkBacked = true, Sent = true }, Clocks.Start);
}
