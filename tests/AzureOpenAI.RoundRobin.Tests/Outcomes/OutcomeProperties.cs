using System.ClientModel;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.Json;
using Azure;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Outcomes;

/// <summary>What holds of every outcome, whatever status, headers, exception and state of the attempt come together.</summary>
public class OutcomeProperties
{
    private static readonly string[] HintHeaders = ["retry-after-ms", "x-ms-retry-after-ms", "Retry-After", "x-ratelimit-reset-requests"];

    private static readonly Gen<(string Name, string Value)> Header = Gen.Select(
        Gen.OneOf(HintHeaders),
        Gen.OneOf(
            Gen.Int[-5, 700_000].Select(static number => $"{number}"),
            Gen.Double[0, 1000].Select(static number => number.ToString(System.Globalization.CultureInfo.InvariantCulture)),
            Gen.OneOf("", "-1", "0", "NaN", "Infinity", "1e300", "Wed, 21 Oct 2015 07:28:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "1m30s", "soon"),
            Gen.String));

    private static readonly Gen<Exception> Spoken = Gen.Select(Gen.Int[100, 999], Header.Array[0, 3], Gen.Int[0, 2]).Select(
        static (status, headers, form) => form switch
        {
            0 => FakeFailure.Status(status, [.. headers.DistinctBy(static header => header.Name)]),
            1 => new RequestFailedException(status, "failed"),
            _ => (Exception)new HttpRequestException("failed", null, (HttpStatusCode)status),
        });

    private static readonly Gen<Exception> Unspoken = Gen.OneOf<Func<Exception>>(
        FakeFailure.Refused, FakeFailure.Reset, static () => new IOException(), static () => new JsonException(), static () => new OperationCanceledException(),
        static () => new TaskCanceledException("t", new TimeoutException()), static () => new TimeoutException(), static () => new ArgumentException(),
        static () => new ArgumentOutOfRangeException("reason"), static () => new InvalidOperationException(), static () => new NotSupportedException(),
        static () => new AuthenticationException(), static () => new SocketException((int)SocketError.ConnectionReset), static () => new HttpRequestException("unknown"),
        static () => new ClientResultException("unknown", null), static () => new RequestFailedException("unknown"), static () => new KeyNotFoundException(),
        static () => new AggregateException()).Select(static make => make());

    private static readonly Gen<Exception> Failure = Gen.Select(Gen.OneOf(Spoken, Unspoken), Gen.Int[0, 4]).Select(
        static (failure, wrapped) => wrapped == 0 ? new AggregateException(new UnauthorizedAccessException(), failure) : failure);

    private static readonly Gen<AttemptFacts> Facts = Gen.Int[0, 511].Select(static bits => new AttemptFacts
    {
        CallerCancelled = (bits & 1) > 0,
        TimedOut = (bits & 2) > 0,
        Relocated = (bits & 4) > 0,
        IsSdkBacked = (bits & 8) > 0,
        Sent = (bits & 16) > 0,
        Committed = (bits & 32) > 0,
        NameIsCallers = (bits & 64) > 0,
        IsUserCode = (bits & 128) > 0,
        OnlyConnectingTimesOut = (bits & 256) > 0,
    });

    [Fact]
    public void Classify_Anything_HasOneOutcomeOutOfThoseThatItsStateAllows() => Gen.Select(Failure, Facts).Sample((failure, facts) =>
    {
        AttemptOutcome outcome = OutcomeClassifier.Classify(failure, facts, Clocks.Start);

        Assert.Contains(outcome.Kind, Allowed(failure, facts));
        Assert.Same(failure, outcome.Exception);
        Assert.Equal(outcome.Kind, OutcomeClassifier.Classify(failure, facts, Clocks.Start).Kind);
        Assert.Equal(outcome.Kind is not (OutcomeKind.Caller or OutcomeKind.Request), outcome.MayFailOver);
    }, iter: 20_000);

    [Fact]
    public void Classify_Anything_CarriesAHintOnlyWhereTheServiceMayStateOne() => Gen.Select(Failure, Facts).Sample((failure, facts) =>
    {
        AttemptOutcome outcome = OutcomeClassifier.Classify(failure, facts, Clocks.Start);

        Assert.True(outcome.Hint is null || (outcome.Status is >= 400 and not (401 or 407) && outcome.MayFailOver && outcome.Kind != OutcomeKind.Cut && outcome.Hint > TimeSpan.Zero));
        Assert.True(outcome.RetryAfter is null || outcome.RetryAfter <= TimeSpan.FromMinutes(5));
        Assert.Equal(outcome is { Kind: OutcomeKind.RateLimited, Status: not (402 or 403) } && outcome.Hint > TimeSpan.FromMinutes(5), outcome.MayExceedLimit);
        Assert.False(outcome.RetryAfter is not null && outcome.MayExceedLimit);
        Assert.True(outcome.Status == 0 || outcome.Status == StatusOf(failure));
    }, iter: 20_000);

    /// <summary>The classification of the specification, said the other way round: what may come of it, by what is known.</summary>
    private static OutcomeKind[] Allowed(Exception failure, AttemptFacts facts)
    {
        if (facts.CallerCancelled)
        {
            return [OutcomeKind.Caller];
        }

        if (facts.Relocated)
        {
            return [OutcomeKind.Stalled];
        }

        OutcomeKind[] allowed = StatusOf(failure) switch
        {
            429 => [OutcomeKind.RateLimited],
            401 or 407 => [OutcomeKind.CredentialRefused],
            // With a time it is a spent quota.
            402 or 403 => [OutcomeKind.CredentialRefused, OutcomeKind.RateLimited],
            404 => [facts.NameIsCallers ? OutcomeKind.Request : OutcomeKind.MissingDeployment],
            405 or 410 or (>= 300 and < 400) => [OutcomeKind.MissingDeployment],
            408 => [OutcomeKind.TimedOut],
            409 or 424 or 425 or 499 or >= 500 => [OutcomeKind.Failed],
            >= 400 => [OutcomeKind.Request],
            > 0 => [OutcomeKind.BrokenAnswer],
            _ when facts.TimedOut => [OutcomeKind.TimedOut],
            // Once something was sent, only the user's own code can still make it the request's fault.
            _ when facts is { Sent: true, IsUserCode: false } => [OutcomeKind.Unreachable, OutcomeKind.TimedOut, OutcomeKind.BrokenAnswer, OutcomeKind.Failed],
            _ when facts is { Sent: true } => [OutcomeKind.Unreachable, OutcomeKind.TimedOut, OutcomeKind.BrokenAnswer, OutcomeKind.Failed, OutcomeKind.Request],
            _ => [OutcomeKind.Unreachable, OutcomeKind.TimedOut, OutcomeKind.BrokenAnswer, OutcomeKind.Failed, OutcomeKind.Request, OutcomeKind.CredentialRefused],
        };
        return !facts.Committed ? allowed
            : [.. allowed.Select(kind => kind is OutcomeKind.Request ? kind : OutcomeKind.Cut).Concat(allowed.Where(kind => kind == OutcomeKind.BrokenAnswer && Last(failure) is ArgumentOutOfRangeException))];
    }

    private static int StatusOf(Exception failure) => Last(failure) switch
    {
        ClientResultException spoken => spoken.Status,
        RequestFailedException spoken => spoken.Status,
        HttpRequestException { StatusCode: { } status } => (int)status,
        _ => 0,
    };

    private static Exception Last(Exception failure) => failure is AggregateException { InnerExceptions: [.., Exception last] } ? Last(last) : failure;
}
