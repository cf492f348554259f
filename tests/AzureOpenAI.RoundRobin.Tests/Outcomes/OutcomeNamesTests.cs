using System.Text.Json;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Tests.Outcomes;

/// <summary>Each outcome has one word, and the metrics, the public API and the texts for people agree on it.</summary>
public class OutcomeNamesTests
{
    public static TheoryData<EndpointFailureReason> Reasons { get; } = new(Enum.GetValues<EndpointFailureReason>());

    [Fact]
    public void EveryOutcome_HasAWordOfItsOwn()
    {
        string[] words = [.. Enum.GetValues<OutcomeKind>().Select(OutcomeNames.Of)];

        Assert.Equal(
            ["answered", "cancelled", "invalid_request", "rate_limited", "missing_deployment", "credential_refused", "unreachable", "failed", "broken_answer", "cut", "timed_out", "stalled"],
            words);
    }

    [Theory]
    [MemberData(nameof(Reasons))]
    public void AReason_IsTheWordOfTheMetrics_OfOneOutcome(EndpointFailureReason reason)
    {
        OutcomeKind kind = Assert.Single(Enum.GetValues<OutcomeKind>(), kind => kind > OutcomeKind.Request && OutcomeNames.Reason(kind) == reason);

        Assert.Equal(OutcomeNames.Of(kind), JsonNamingPolicy.SnakeCaseLower.ConvertName($"{reason}"));
        Assert.Equal(OutcomeNames.Prose(kind), OutcomeNames.Prose(reason));
    }

    [Theory]
    [MemberData(nameof(Reasons))]
    public void AnAttempt_ReadsAsASentence(EndpointFailureReason reason)
    {
        EndpointAttempt attempt = new("east", reason, new InvalidOperationException()) { Status = 500, RetryAfter = TimeSpan.FromSeconds(2) };

        Assert.Equal($"'east' {OutcomeNames.Prose(reason)} (500), asks to retry after 2 s", $"{attempt}");
        Assert.DoesNotContain("_", $"{attempt}", StringComparison.Ordinal);
    }
}
