using System.ClientModel;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.Json;
using Azure;
using Azure.Core;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Outcomes;

public class OutcomeClassifierTests
{
    public static TheoryData<int, string> Statuses => new()
    {
        { 200, "BrokenAnswer" }, { 204, "BrokenAnswer" }, { 299, "BrokenAnswer" },
        { 300, "MissingDeployment" }, { 301, "MissingDeployment" }, { 399, "MissingDeployment" }, { 302, "MissingDeployment" }, { 307, "MissingDeployment" }, { 308, "MissingDeployment" },
        { 400, "Request" }, { 406, "Request" }, { 411, "Request" }, { 412, "Request" }, { 413, "Request" }, { 415, "Request" }, { 422, "Request" }, { 431, "Request" },
        { 401, "CredentialRefused" }, { 402, "CredentialRefused" }, { 403, "CredentialRefused" }, { 407, "CredentialRefused" },
        { 404, "MissingDeployment" }, { 405, "MissingDeployment" }, { 410, "MissingDeployment" },
        { 408, "TimedOut" },
        { 429, "RateLimited" },
        { 409, "Failed" }, { 424, "Failed" }, { 425, "Failed" }, { 499, "Failed" },
        { 500, "Failed" }, { 501, "Failed" }, { 502, "Failed" }, { 503, "Failed" }, { 504, "Failed" }, { 529, "Failed" }, { 599, "Failed" },
    };

    [Theory]
    [MemberData(nameof(Statuses))]
    public void Classify_AStatus_IsTheSameOfWhateverException(int status, string kind)
    {
        foreach (AttemptFacts facts in AllFacts())
        {
            Exception[] failures =
            [
                FakeFailure.Status(status), new RequestFailedException(status, "failed"), new HttpRequestException("failed", null, (HttpStatusCode)status),
                new AggregateException(new TimeoutException(), FakeFailure.Status(status)),
            ];
            foreach (Exception failure in failures)
            {
                AttemptOutcome outcome = OutcomeClassifier.Classify(failure, facts, Clocks.Start);

                Assert.Equal(kind, outcome.Kind.ToString());
                Assert.Equal(status, outcome.Status);
                Assert.Same(failure, outcome.Exception);
            }
        }
    }

    [Theory]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(400)]
    public void Classify_ASpillOverThatFailedToo_IsALimitOfTheWholeResource(int status)
    {
        AttemptOutcome outcome = Classify(FakeFailure.Status(status, ("x-ms-spillover-error", "429")), Sent);

        Assert.Equal((OutcomeKind.RateLimited, status, true), (outcome.Kind, outcome.Status, outcome.ExhaustsResource));
        Assert.False(Classify(FakeFailure.Status(status), Sent).ExhaustsResource);
    }

    [Theory]
    [InlineData(401, "CredentialRefused")]
    [InlineData(404, "MissingDeployment")]
    public void Classify_ASpillOverThatFailedOfAMisconfiguration_IsThatFirst(int status, string kind) =>
        Assert.Equal(kind, Classify(FakeFailure.Status(status, ("x-ms-spillover-error", "429")), Sent).Kind.ToString());

    [Fact]
    public void Classify_404OfTheCallersOwnModel_IsTheRequests() =>
        Assert.Equal(OutcomeKind.Request, Classify(FakeFailure.Status(404), Sent with { NameIsCallers = true }).Kind);

    [Fact]
    public void Classify_TheCallersTokenIsCancelled_IsTheCallersWhateverWasThrown() => Gen.Int[0, Failures.Length - 1].Select(i => Failures[i]).Sample(failure =>
    {
        foreach (AttemptFacts facts in AllFacts())
        {
            AttemptOutcome outcome = Classify(failure, facts with { CallerCancelled = true, TimedOut = true });

            Assert.Equal(OutcomeKind.Caller, outcome.Kind);
            Assert.False(outcome.MayFailOver);
        }
    });

    [Fact]
    public void Classify_OurDeadline_IsTimedOut_UnlessTheEndpointAnsweredInTheSameMoment()
    {
        foreach (Exception failure in Failures)
        {
            AttemptOutcome outcome = Classify(failure, Sent with { TimedOut = true });

            Assert.Equal(outcome.Status > 0 ? Classify(failure, Sent).Kind : OutcomeKind.TimedOut, outcome.Kind);
        }
    }

    [Fact]
    public void Classify_ConnectionTrouble_IsUnreachable()
    {
        Exception[] failures =
        [
            FakeFailure.Refused(),
            new HttpRequestException(HttpRequestError.NameResolutionError, "dns"),
            new HttpRequestException(HttpRequestError.SecureConnectionError, "tls", new AuthenticationException()),
            new HttpRequestException(HttpRequestError.ProxyTunnelError, "proxy"),
            new ClientResultException("tls", null, new HttpRequestException("tls", new AuthenticationException())),
            new ClientResultException("dns", null, new HttpRequestException("dns", new SocketException((int)SocketError.HostNotFound))),
            new SocketException((int)SocketError.ConnectionRefused),
            new SocketException((int)SocketError.NetworkUnreachable),
            new SocketException((int)SocketError.HostUnreachable),
            new SocketException((int)SocketError.TryAgain),
            new SocketException((int)SocketError.NoData),
            new AggregateException(FakeFailure.Refused()),
        ];

        Assert.All(failures, failure => Assert.Equal(OutcomeKind.Unreachable, Classify(failure, Sent).Kind));
        Assert.All(failures, failure => Assert.Equal(OutcomeKind.Unreachable, Classify(failure, Sent with { IsSdkBacked = true }).Kind));
        Assert.All(failures, failure => Assert.Equal(OutcomeKind.Unreachable, Classify(failure, Sent with { IsUserCode = true, IsSdkBacked = true }).Kind));
    }

    [Fact]
    [Trait("Rule", "R21")]
    public void Classify_WhatOurOwnSideAborted_IsNobodysFault()
    {
        SocketException aborted = new((int)SocketError.OperationAborted);
        Exception[] failures =
        [
            aborted, new IOException("read", aborted), new HttpRequestException("send", new IOException("write", aborted)), new ClientResultException("send", null, new HttpRequestException("connect", aborted)),
            new HttpRequestException(HttpRequestError.ConnectionError, "connect", aborted), new HttpRequestException("send", new ObjectDisposedException("SslStream")), new AggregateException(new IOException("read", aborted)),
        ];

        foreach (AttemptFacts facts in AllFacts().Where(facts => facts.Sent))
        {
            Assert.All(failures, failure => Assert.Equal((OutcomeKind.Failed, true), (Classify(failure, facts).Kind, Classify(failure, facts).IsNobodys)));
            Assert.All(failures, failure => Assert.Equal((OutcomeKind.Cut, true), (Classify(failure, facts with { Committed = true }).Kind, Classify(failure, facts with { Committed = true }).IsNobodys)));
        }

        Assert.True(Classify(new ObjectDisposedException("SslStream"), Sent with { IsSdkBacked = true }).IsNobodys);
        Assert.False(Classify(new ObjectDisposedException("client of its own"), Sent).IsNobodys);
        Assert.False(Classify(new ObjectDisposedException("of the operation"), Sent with { IsSdkBacked = true, IsUserCode = true }).IsNobodys);
        Assert.Equal(OutcomeKind.TimedOut, Classify(failures[1], Sent with { TimedOut = true }).Kind);
        Assert.Equal(OutcomeKind.Stalled, Classify(failures[1], Sent with { Relocated = true }).Kind);
        Assert.False(Classify(FakeFailure.Reset(), Sent).IsNobodys);
    }

    [Fact]
    public void Classify_AReset_IsAFault()
    {
        Exception[] failures =
        [
            FakeFailure.Reset(),
            new SocketException((int)SocketError.ConnectionReset),
            new HttpRequestException("unknown"),
            new ClientResultException("unknown", null),
            new RequestFailedException("unknown"),
        ];

        Assert.All(failures, failure => Assert.Equal(OutcomeKind.Failed, Classify(failure, Sent).Kind));
        Assert.All(failures, failure => Assert.Equal(OutcomeKind.Failed, Classify(failure, Sent with { IsSdkBacked = true, IsUserCode = true }).Kind));
    }

    [Fact]
    public void Classify_AnswerThatCannotBeRead_IsBroken()
    {
        Exception[] failures = [new JsonException(), new ArgumentOutOfRangeException("reason"), new IOException()];

        Assert.All(failures, failure => Assert.Equal(OutcomeKind.BrokenAnswer, Classify(failure, Sent).Kind));
        Assert.All(failures, failure => Assert.Equal(OutcomeKind.BrokenAnswer, Classify(failure, Sent with { IsSdkBacked = true }).Kind));
        Assert.Equal(OutcomeKind.BrokenAnswer, Classify(new FormatException(), Sent with { IsSdkBacked = true }).Kind);
        Assert.Equal(OutcomeKind.Request, Classify(new FormatException(), Sent with { IsSdkBacked = true, IsUserCode = true }).Kind);
    }

    [Fact]
    [Trait("Rule", "R19")]
    public void Classify_WhateverTheSdkThrowsAtASuccess_IsBrokenAndUnreadable()
    {
        AttemptFacts success = new() { IsSdkBacked = true, Sent = true, HeadStatus = 200 };
        Exception[] failures = [Activator.CreateInstance<NullReferenceException>(), new InvalidOperationException(), new KeyNotFoundException(), new FormatException(), new ArgumentException(), new UnknownException(), new ArgumentOutOfRangeException()];

        Assert.All(failures, failure =>
        {
            AttemptOutcome outcome = Classify(failure, success);
            Assert.Equal((OutcomeKind.BrokenAnswer, true), (outcome.Kind, outcome.IsUnreadable));
            Assert.Equal(OutcomeKind.BrokenAnswer, Classify(failure, success with { Committed = true }).Kind);
        });
        Assert.All((Exception[])[FakeFailure.Reset(), new HttpRequestException("reset"), new SocketException((int)SocketError.ConnectionReset)], failure => Assert.Equal(OutcomeKind.Failed, Classify(failure, success).Kind));
        Assert.All((Exception[])[new JsonException(), new IOException()], failure => Assert.False(Classify(failure, success).IsUnreadable));
        Assert.Equal(OutcomeKind.TimedOut, Classify(new OperationCanceledException(), success).Kind);
        Assert.Equal(OutcomeKind.Request, Classify(new UnknownException(), success with { IsUserCode = true }).Kind);
        Assert.NotEqual(OutcomeKind.BrokenAnswer, Classify(new UnknownException(), success with { HeadStatus = 0 }).Kind);
        Assert.NotEqual(OutcomeKind.BrokenAnswer, Classify(new UnknownException(), success with { HeadStatus = 500 }).Kind);
    }

    [Fact]
    public void Classify_AnArgumentErrorBeforeAnythingWasSent_IsTheRequests()
    {
        AttemptFacts unsent = default;
        Assert.Equal(OutcomeKind.Request, Classify(new ArgumentException(), unsent).Kind);
        Assert.Equal(OutcomeKind.Request, Classify(new ArgumentOutOfRangeException("reason"), unsent).Kind);
        Exception[] ofTheSdk = [new NotSupportedException(), new InvalidOperationException(), new FormatException(), new JsonException(), new InvalidCastException()];
        Assert.All(ofTheSdk, failure => Assert.Equal(OutcomeKind.Request, Classify(failure, unsent with { IsSdkBacked = true }).Kind));
    }

    [Fact]
    public void Classify_WhatTheUsersCodeCannotBuildARequestFrom_IsTheRequests()
    {
        Exception[] ofTheSdk = [new FormatException(), new InvalidCastException(), new JsonException(), new MissingMemberException()];
        Assert.All(ofTheSdk, failure => Assert.Equal(OutcomeKind.Request, Classify(failure, new AttemptFacts { IsSdkBacked = true, IsUserCode = true }).Kind));
    }

    [Fact]
    public void Classify_Unreachable_BeforeABuiltClientSent_IsTheEndpoints() =>
        Assert.Equal(OutcomeKind.Unreachable, Classify(FakeFailure.Refused(), new AttemptFacts { IsSdkBacked = true }).Kind);

    [Theory]
    [InlineData(429, 7.0)]
    [InlineData(503, 7.0)]
    [InlineData(500, 7.0)]
    [InlineData(401, null)]
    public void Classify_AHintOfAnotherAzureClient_IsTaken(int status, double? seconds) =>
        Assert.Equal(seconds, Classify(new RequestFailedException(new AzureResponse(status, "7")), Sent).Hint?.TotalSeconds);

    [Fact]
    public void Classify_AnArgumentErrorAfterTheRequestWasSent_IsNotTheRequests()
    {
        Assert.Equal(OutcomeKind.Failed, Classify(new ArgumentException(), Sent).Kind);
        Assert.Equal(OutcomeKind.Failed, Classify(new NotSupportedException(), Sent with { IsSdkBacked = true }).Kind);
    }

    [Fact]
    public void Classify_AnUnknownException_IsAFaultOfAReadyMadeClient()
    {
        Assert.Equal(OutcomeKind.Failed, Classify(new InvalidOperationException(), default).Kind);
        Assert.Equal(OutcomeKind.Failed, Classify(new UnknownException(), default).Kind);
        Assert.Equal(OutcomeKind.Failed, Classify(new UnknownException(), Sent).Kind);
        Assert.Equal(OutcomeKind.Failed, Classify(new UnknownException(), Sent with { IsSdkBacked = true }).Kind);
    }

    [Fact]
    public void Classify_AnUnknownExceptionBeforeABuiltClientSent_IsTheRequests() =>
        Assert.Equal(OutcomeKind.Request, Classify(new UnknownException(), new AttemptFacts { IsSdkBacked = true }).Kind);

    [Fact]
    public void Classify_WhateverACredentialThrew_IsTheCredentials()
    {
        Exception[] failures = [new UnknownException(), new InvalidOperationException(), new OperationCanceledException(), FakeFailure.Status(429), FakeFailure.Refused()];

        Assert.All(failures, failure =>
        {
            AttemptFacts facts = new() { IsSdkBacked = true, IsUserCode = failure is UnknownException };
            Assert.NotEqual(OutcomeKind.CredentialRefused, Classify(failure, facts).Kind);
            CredentialFailure.Note(failure);
            Assert.Equal(OutcomeKind.CredentialRefused, Classify(failure, facts).Kind);
            Assert.Equal(OutcomeKind.CredentialRefused, Classify(new IOException("outer", failure), facts).Kind);
            Assert.Equal(OutcomeKind.Caller, Classify(failure, facts with { CallerCancelled = true }).Kind);
        });
    }

    [Fact]
    public void Classify_AnUnknownExceptionOfTheUsersCode_IsTheRequests()
    {
        Assert.Equal(OutcomeKind.Request, Classify(new UnknownException(), new AttemptFacts { IsSdkBacked = true, IsUserCode = true }).Kind);
        Assert.Equal(OutcomeKind.Request, Classify(new UnknownException(), Sent with { IsSdkBacked = true, IsUserCode = true }).Kind);
    }

    [Fact]
    public void Classify_UnrequestedCancellation_IsTimedOut()
    {
        Exception[] failures = [new OperationCanceledException(), new TaskCanceledException(), new TimeoutException(), new TaskCanceledException("t", new TimeoutException())];

        Assert.All(failures, failure => Assert.Equal(OutcomeKind.TimedOut, Classify(failure, default).Kind));
        Assert.All(failures, failure => Assert.Equal(OutcomeKind.TimedOut, Classify(failure, Sent with { IsSdkBacked = true }).Kind));
    }

    [Fact]
    public void Classify_ARedirectThatAGivenClientFollowed_IsAMisconfiguration() =>
        Assert.Equal(OutcomeKind.MissingDeployment, Classify(new RedirectFollowedException(), Sent with { IsSdkBacked = true }).Kind);

    [Fact]
    public void Classify_TheOnlyTimeoutOfThePoolsTransport_IsUnreachable()
    {
        Exception connecting = new TaskCanceledException("connect", new TimeoutException());

        Assert.Equal(OutcomeKind.Unreachable, Classify(connecting, Sent with { IsSdkBacked = true, OnlyConnectingTimesOut = true }).Kind);
        Assert.Equal(OutcomeKind.TimedOut, Classify(new TaskCanceledException(), Sent with { IsSdkBacked = true, OnlyConnectingTimesOut = true }).Kind);
        Assert.Equal(OutcomeKind.TimedOut, Classify(connecting, Sent with { IsSdkBacked = true, OnlyConnectingTimesOut = true, HeadStatus = 200 }).Kind);
        Assert.Equal(OutcomeKind.TimedOut, Classify(connecting, Sent with { IsSdkBacked = true }).Kind);
    }

    [Fact]
    public void Classify_AfterContent_IsACutUnlessTheCallerOrTheRequestIsAtFault() => Gen.Int[0, Failures.Length - 1].Select(i => Failures[i]).Sample(failure =>
    {
        OutcomeKind before = Classify(failure, Sent).Kind;
        AttemptOutcome outcome = Classify(failure, Sent with { Committed = true });

        Assert.Equal(before == OutcomeKind.Request ? OutcomeKind.Request : OutcomeKind.Cut, outcome.Kind);
        Assert.Null(outcome.Hint);
    });

    [Theory]
    [InlineData(429)]
    [InlineData(503)]
    [InlineData(500)]
    [InlineData(403)]
    [InlineData(408)]
    public void Classify_AStatusThatMayNameATime_CarriesIt(int status)
    {
        AttemptOutcome outcome = Classify(FakeFailure.Status(status, ("Retry-After", "7")), Sent);

        Assert.Equal(TimeSpan.FromSeconds(7), outcome.Hint);
        Assert.Equal(TimeSpan.FromSeconds(7), outcome.RetryAfter);
        Assert.NotNull(outcome.Response);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(407)]
    [InlineData(302)]
    [InlineData(200)]
    public void Classify_AnotherStatus_CarriesNoTime(int status) => Assert.Null(Classify(FakeFailure.Status(status, ("Retry-After", "7")), Sent).Hint);

    [Theory]
    [InlineData(402)]
    [InlineData(403)]
    public void Classify_ARefusalThatNamesATime_IsASpentQuota(int status)
    {
        Assert.Equal(OutcomeKind.CredentialRefused, Classify(FakeFailure.Status(status), Sent).Kind);
        AttemptOutcome outcome = Classify(FakeFailure.Status(status, ("Retry-After", "86400")), Sent);

        Assert.Equal((OutcomeKind.RateLimited, true, false), (outcome.Kind, outcome.IsForLong, outcome.MayExceedLimit));
    }

    [Fact]
    public void Classify_AHintOfAnAggregate_IsThatOfItsLast() => Assert.Equal(
        TimeSpan.FromSeconds(2),
        Classify(new AggregateException(FakeFailure.RateLimited(TimeSpan.FromSeconds(1)), FakeFailure.RateLimited(TimeSpan.FromSeconds(2))), Sent).Hint);

    [Theory]
    [InlineData(300, false)]
    [InlineData(300.001, true)]
    [InlineData(86400, true)]
    public void IsSuspectRequest_DependsOnTheHint(double seconds, bool suspect)
    {
        AttemptOutcome outcome = Classify(FakeFailure.RateLimited(TimeSpan.FromSeconds(seconds)), Sent);

        Assert.Equal(suspect, outcome.MayExceedLimit);
        Assert.Equal(suspect, outcome.RetryAfter is null);
    }

    [Fact]
    public void MayFailOver_EveryKind_OnlyWhatIsTheEndpoints()
    {
        foreach (OutcomeKind kind in Enum.GetValues<OutcomeKind>())
        {
            Assert.Equal(kind is not (OutcomeKind.Answered or OutcomeKind.Caller or OutcomeKind.Request), new AttemptOutcome(kind, new UnknownException()).MayFailOver);
        }
    }

    private static readonly Exception[] Failures =
    [
        FakeFailure.Status(429), FakeFailure.Status(500), FakeFailure.Status(400), FakeFailure.Refused(), FakeFailure.Reset(), new IOException(), new JsonException(),
        new OperationCanceledException(), new TimeoutException(), new UnknownException(), new ArgumentException(), new RequestFailedException(404, "x"),
    ];

    private static AttemptFacts Sent => new() { Sent = true };

    private static AttemptOutcome Classify(Exception exception, AttemptFacts facts) => OutcomeClassifier.Classify(exception, facts, Clocks.Start);

    private static IEnumerable<AttemptFacts> AllFacts()
    {
        for (int bits = 0; bits < 16; bits++)
        {
            yield return new AttemptFacts { IsSdkBacked = (bits & 1) > 0, Sent = (bits & 2) > 0, IsUserCode = (bits & 4) > 0, OnlyConnectingTimesOut = (bits & 8) > 0 };
        }
    }

    private sealed class UnknownException : Exception;

    private sealed class AzureResponse(int status, string retryAfter) : Response
    {
        public override int Status { get; } = status;

        public override string ReasonPhrase => "";

        public override Stream? ContentStream { get; set; }

        public override string ClientRequestId { get; set; } = "";

        public override void Dispose()
        {
        }

        protected override bool ContainsHeader(string name) => TryGetHeader(name, out _);

        protected override IEnumerable<HttpHeader> EnumerateHeaders() => [new("Retry-After", retryAfter)];

        protected override bool TryGetHeader(string name, [NotNullWhen(true)] out string? value)
        {
            value = name == "Retry-After" ? retryAfter : null;
            return value is not null;
        }

        protected override bool TryGetHeaderValues(string name, [NotNullWhen(true)] out IEnumerable<string>? values)
        {
            values = TryGetHeader(name, out string? value) ? [value] : null;
            return values is not null;
        }
    }
}
