using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>In which order a call looks for its endpoint, and what it does where there is none.</summary>
public class SelectionTests
{
    private readonly BalancerParts _parts = new(["ab"]);

    [Fact]
    public void Pick_NoEndpointIsLeft_IsGone()
    {
        _parts.Picker.Become([], hasHomes: false);

        Assert.Equal((PickKind.Refused, Refusal.Gone), KindOf(_parts, _parts.Request()));
    }

    [Fact]
    public void Pick_HealthyEndpoint_BeginsAnAttemptThere()
    {
        Attempt attempt = Pick(_parts)!;

        Assert.Equal(("a", _parts.Now, 0, true), (attempt.Endpoint.Name, attempt.StartedAt, attempt.Epoch, attempt.IsCounted));
        Assert.Equal((1, false, 0, false), (_parts['a'].InFlight, attempt.HoldsPermit, _parts.Permits.Count, _parts.State.HasChanged));
        Assert.Equal(_parts.State.CallsBegun(), attempt.Number);
    }

    [Theory]
    [InlineData(0u, false)]
    [InlineData(7u, true)]
    public void TakeFirst_HealthyEndpoint_BeginsAnAttemptThatIsCountedOnceItWaits_OrWhereItHasAnAffinity(uint affinity, bool isCounted)
    {
        Attempt attempt = _parts.Selection.TakeFirst(_parts.Picker, affinity, default, _parts.Now)!;

        Assert.Equal((isCounted, isCounted ? 1 : 0), (attempt.IsCounted, attempt.Endpoint.InFlight));
        Assert.Equal((isCounted ? _parts.Now : 0, _parts.Now), (attempt.StartedAt, attempt.BeganAt));
        Assert.Equal(!isCounted, attempt.IsPlain);
        attempt.Sent(_parts.Now + 5);
        Assert.Equal(_parts.Now, attempt.StartedAt);
    }

    [Fact]
    public void TakeFirst_EndpointIsProbed_CountsItAndItsTimeRuns()
    {
        _parts.EjectAndProbe('b', OutcomeKind.RateLimited);

        Attempt attempt = _parts.Selection.TakeFirst(_parts.Picker, 0, default, _parts.Now)!;

        Assert.Equal(("b", true, _parts.Now, attempt), (attempt.Endpoint.Name, attempt.IsCounted, attempt.StartedAt, _parts.Permits[0]));
    }

    [Fact]
    public void TakeTurn_WithinARequestLimit_IsWhatTheFirstLookFinds()
    {
        (BalancerParts turn, BalancerParts first) = (WithRequestLimits(60), WithRequestLimits(60));
        turn.State.NextEpoch();
        first.State.NextEpoch();
        foreach (string? expected in new[] { "a", "b", null })
        {
            Attempt? taken = turn.Selection.TakeTurn(turn.Picker, 0, turn.Now);
            Attempt? found = first.Selection.TakeFirst(first.Picker, 0, default, first.Now);

            Assert.Equal((expected, expected), (taken?.Endpoint.Name, found?.Endpoint.Name));
            Assert.Equal((found?.BeganAt, found?.Epoch, found?.IsPlain), (taken?.BeganAt, taken?.Epoch, taken?.IsPlain));
            Assert.Equal((first.Picker.Turns, first['a'].HasRoom(first.Now), first['b'].HasRoom(first.Now)), (turn.Picker.Turns, turn['a'].HasRoom(turn.Now), turn['b'].HasRoom(turn.Now)));
        }
    }

    [Theory]
    [InlineData("an affinity")]
    [InlineData("a candidate")]
    [InlineData("a queue")]
    [InlineData("a ramp")]
    [InlineData("a pace")]
    [InlineData("a pace of tokens")]
    [InlineData("a limit of tokens")]
    [InlineData("no limit")]
    [InlineData("other processes")]
    [InlineData("no endpoint")]
    public void TakeTurn_WhereThereIsMoreToAsk_ChangesNothing(string more)
    {
        BalancerParts parts = WithRequestLimits(more == "no limit" ? null : 60, more == "a limit of tokens" ? 1000 : null);
        Action? begin = more switch
        {
            "a candidate" => () => parts.EjectAndProbe('b', OutcomeKind.Unreachable),
            "a queue" => () => parts.Enqueue(),
            "a ramp" => () => parts.EjectAndRecover('a', OutcomeKind.Unreachable),
            "a pace" => () => parts['a'].Capacity.Rejected(parts.In(-30), parts.In(-30), TimeSpan.FromMilliseconds(1), taken: 3),
            "a pace of tokens" => () => parts['a'].Capacity.Rejected(parts.In(-30), parts.In(-30), TimeSpan.FromMilliseconds(1), taken: 3, namesTokens: true),
            "other processes" => () => parts['a'].Capacity.Configured.BeginSharing(default, static _ => { }),
            "no endpoint" => () => Array.ForEach(['a', 'b'], name => parts.Eject(name, OutcomeKind.RateLimited)),
            _ => null,
        };
        begin?.Invoke();
        uint turns = parts.Picker.Turns;

        Assert.Null(parts.Selection.TakeTurn(parts.Picker, more == "an affinity" ? 7u : 0, parts.Now));

        Assert.Equal((turns, 0, 0), (parts.Picker.Turns, parts['a'].InFlight, parts['b'].InFlight));
        Assert.All("ab", name => Assert.NotEqual(false, parts[name].Capacity.Configured.Requests?.HasRoom(1, parts.Now)));
    }

    [Fact]
    public void Pick_AnEpochLater_IsOfThatEpoch()
    {
        _parts.State.NextEpoch();

        Assert.Equal(1, Pick(_parts)!.Epoch);
    }

    [Fact]
    public void Pick_ConfiguredLimits_AreCharged()
    {
        BalancerParts parts = new(["ab"], setup: static (_, setup) => setup with { RequestsPerMinute = 60, TokensPerMinute = 100, MaxOutputTokens = 10 });

        Assert.Equal("a", Pick(parts, parts.Request(tokens: 60))?.Endpoint.Name);

        Assert.Equal((false, false, true), (parts['a'].HasRoom(parts.Now), parts['a'].Capacity.HasRoomFor(41, parts.Now), parts['a'].Capacity.HasRoomFor(40, parts.Now)));
    }

    [Fact]
    public void Pick_CandidateIsProbed_ComesBeforeTheTurn()
    {
        _parts.EjectAndProbe('b', OutcomeKind.RateLimited);

        Attempt attempt = Pick(_parts)!;

        Assert.Equal(("b", new Permit(true, false), attempt), (attempt.Endpoint.Name, attempt.Permit, _parts.Permits[0]));
        Assert.Equal("a", Pick(_parts)?.Endpoint.Name);
    }

    [Fact]
    public void Pick_NoAvailableEndpointHasRoom_IsOneOnStandby()
    {
        BalancerParts parts = new(["ab"], setup: static (name, setup) => setup with { Priority = name - 'a' });
        parts.EjectAndProbe('b', OutcomeKind.RateLimited);
        PickRequest request = parts.Request();
        request.Failed(parts['a'], rejected: true, wouldRepeat: false);

        Assert.Equal("b", Pick(parts, request)?.Endpoint.Name);
    }

    [Fact]
    public void Pick_CallsAreQueued_NewcomersQueueBehindThem()
    {
        Waiter head = _parts.Enqueue();

        PickResult result = _parts.Selection.Pick(_parts.Request(), _parts.Now);

        Assert.Equal((PickKind.Queued, 2), (result.Kind, _parts.Picker.Queue.Length));
        Assert.NotSame(head, result.Waiter);
        Assert.True(_parts.State.HasChanged);
    }

    [Fact]
    public void Pick_CallComesBackToItsPlaceBeforeTheHead_IsServed()
    {
        PickRequest first = _parts.Request();
        _parts.Picker.Queue.Remove(_parts.Enqueue(first));
        _parts.Enqueue();

        Assert.Equal("a", Pick(_parts, first)?.Endpoint.Name);
    }

    [Fact]
    public void Pick_EjectedForErrors_IsAskedRatherThanWaitedFor()
    {
        _parts.Eject('a', OutcomeKind.Failed);
        _parts.Eject('b', OutcomeKind.Unreachable);
        _parts.Pass(0.1);

        Attempt attempt = Pick(_parts)!;

        Assert.Equal(("a", new Permit(false, true), true), (attempt.Endpoint.Name, attempt.Permit, _parts.State.HasChanged));
        Assert.Equal(EndpointState.Probing, _parts['a'].Health.State);
    }

    [Fact]
    public void Pick_AllAreMisconfigured_AsksOneASecondAndRefusesTheOthers()
    {
        _parts.Eject('a', OutcomeKind.CredentialRefused);
        _parts.Eject('b', OutcomeKind.MissingDeployment);

        Assert.Equal("a", Pick(_parts)?.Endpoint.Name);

        Assert.Equal(EndpointState.Probing, _parts['a'].Health.State);
        Assert.Equal((PickKind.Refused, Refusal.Misconfigured), KindOf(_parts, _parts.Request()));
    }

    [Fact]
    public void Pick_OneIsMisconfigured_TheCallWaitsForTheOther()
    {
        _parts.Eject('a', OutcomeKind.CredentialRefused);
        _parts.Eject('b', OutcomeKind.Unreachable);

        Assert.Equal(PickKind.Queued, KindOf(_parts, _parts.Request()).Kind);
    }

    [Theory]
    [InlineData(false, "Pause")]
    [InlineData(true, "Queued")]
    public void Pick_AllHaveFailedTheCall_PausesUnlessOthersAreQueued(bool hasQueue, string expected)
    {
        PickRequest request = Tried(_parts, "ab");
        if (hasQueue)
        {
            _parts.Enqueue();
        }

        Assert.Equal(expected, KindOf(_parts, request).Kind.ToString());
    }

    [Fact]
    public void Pick_TimesAreStatedBeyondPatience_IsRefused()
    {
        _parts.Eject('a', OutcomeKind.RateLimited, hint: 70);
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 80);

        PickResult result = _parts.Selection.Pick(_parts.Request(patience: 60), _parts.Now);

        Assert.Equal((PickKind.Refused, Refusal.BeyondPatience, 70), (result.Kind, result.Refusal, result.ReadyIn?.TotalSeconds));
        Assert.Equal(0, _parts.Picker.Queue.Length);
    }

    [Fact]
    public void Pick_AllAreInAShortPause_TheCallIsQueuedAndNothingIsEjected()
    {
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 0.08);
        _parts.Fail('b', OutcomeKind.RateLimited, hint: 0.05);
        _parts.State.HasChanged = false;

        Assert.Equal(PickKind.Queued, KindOf(_parts, _parts.Request()).Kind);

        Assert.Equal((EndpointState.Healthy, EndpointState.Healthy, true), (_parts['a'].Health.State, _parts['b'].Health.State, _parts.State.HasChanged));
    }

    [Theory]
    [InlineData(59.9, true)]
    [InlineData(60, false)]
    public void Pick_TokenLimitsHaveNoRoomInTime_LeavesItToTheService(double patience, bool goes)
    {
        BalancerParts parts = WithTokenLimits("ab");
        Assert.NotNull(Pick(parts, parts.Request(tokens: 90)));
        Assert.NotNull(Pick(parts, parts.Request(tokens: 90)));
        PickRequest request = parts.Request(patience, tokens: 90);

        PickResult result = parts.Selection.Pick(request, parts.Now);

        Assert.Equal((goes ? PickKind.Attempt : PickKind.Queued, goes), (result.Kind, request.IgnoresTokenLimits));
    }

    [Fact]
    public void Pick_OneOfTheTokenLimitsHasRoomInTime_Waits()
    {
        BalancerParts parts = WithTokenLimits("ab");
        Assert.NotNull(Pick(parts, parts.Request(tokens: 90)));
        parts.Pass(30);
        Assert.NotNull(Pick(parts, parts.Request(tokens: 90)));
        PickRequest request = parts.Request(patience: 31, tokens: 90);

        Assert.Equal((PickKind.Queued, false), (KindOf(parts, request).Kind, request.IgnoresTokenLimits));
    }

    [Fact]
    public void Pick_TokenLimitOfAnUnavailableEndpoint_DoesNotCount()
    {
        BalancerParts parts = WithTokenLimits("ab");
        Assert.NotNull(Pick(parts, parts.Request(tokens: 90)));
        parts.Eject('b', OutcomeKind.RateLimited, hint: 100);

        Assert.Equal("a", Pick(parts, parts.Request(patience: 20, tokens: 90))?.Endpoint.Name);
    }

    [Fact]
    public void Pick_NobodyCountsItsTokens_IsNotHeldBack()
    {
        BalancerParts parts = WithTokenLimits("a");
        Assert.NotNull(Pick(parts, parts.Request(tokens: 90)));
        PickRequest request = parts.Request(patience: 1);

        Assert.NotNull(Pick(parts, request));

        Assert.False(request.IgnoresTokenLimits);
    }

    [Fact]
    public void Pick_NoneIsAvailable_KeepsTheTokenLimitsForLater()
    {
        BalancerParts parts = WithTokenLimits("a");
        parts.Eject('a', OutcomeKind.RateLimited, hint: 2);
        PickRequest request = parts.Request(patience: 60, tokens: 90);

        Assert.Equal(PickKind.Queued, KindOf(parts, request).Kind);

        Assert.False(request.IgnoresTokenLimits);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(10, true)]
    public void Pick_NoneTakesTheCall_LooksAtTokenLimitsOnceAndOnlyForItsOwnTokens(long tokens, bool ignoresThem)
    {
        BalancerParts parts = WithTokenLimits("a");
        Assert.NotNull(Pick(parts, parts.Request(tokens: 90)));
        Assert.NotNull(Pick(parts, parts.Request(patience: 1, tokens: 90)));
        PickRequest request = parts.Request(patience: ignoresThem ? 100 : 1, tokens: tokens);
        request.IgnoresTokenLimits = ignoresThem;
        request.Failed(parts['a'], rejected: true, wouldRepeat: false);

        Assert.Equal(PickKind.Pause, KindOf(parts, request).Kind);

        Assert.Equal(ignoresThem, request.IgnoresTokenLimits);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Take_AllHaveBeenTried_TakesOneOnlyWhereThatIsAllowed(bool retry) =>
        Assert.Equal(retry, _parts.Selection.Take(Tried(_parts, "ab"), retry, _parts.Now) is not null);

    [Fact]
    public void TakeQueued_AllHaveBeenTried_GoesBackToOne() => Assert.Equal("a", _parts.Selection.TakeQueued(Tried(_parts, "ab"), _parts.Now)?.Endpoint.Name);

    [Fact]
    public void TakeQueued_OneIsUntried_GoesThere() => Assert.Equal("b", _parts.Selection.TakeQueued(Tried(_parts, "a"), _parts.Now)?.Endpoint.Name);

    [Fact]
    public void TakeQueued_TriedAndAvailable_ComesBeforeAForcedProbe()
    {
        _parts.Eject('b', OutcomeKind.Unreachable);

        Assert.Equal("a", _parts.Selection.TakeQueued(Tried(_parts, "a"), _parts.Now)?.Endpoint.Name);
    }

    [Fact]
    public void TakeQueued_OneWasEjectedForErrors_ComesBeforeThoseThatWereTried()
    {
        _parts.Eject('b', OutcomeKind.Failed);

        Assert.Equal("b", _parts.Selection.TakeQueued(Tried(_parts, "a"), _parts.Now)?.Endpoint.Name);
    }

    [Theory]
    [InlineData("RateLimited", true, false)]
    [InlineData("Unreachable", false, true)]
    public void TakeQueued_AllAreUnavailable_ForcesAProbe(string reason, bool ofDeployment, bool ofResource)
    {
        _parts.Eject('a', Enum.Parse<OutcomeKind>(reason));
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 5);

        Attempt attempt = _parts.Selection.TakeQueued(_parts.Request(), _parts.Now)!;

        Assert.Equal(("a", new Permit(ofDeployment, ofResource), true), (attempt.Endpoint.Name, attempt.Permit, _parts.State.HasChanged));
        Assert.Equal(EndpointState.Probing, _parts['a'].Health.State);
        Assert.Equal([_parts['a']], _parts.Picker.Candidates);
        Assert.Null(_parts.Selection.TakeQueued(_parts.Request(), _parts.Now));
    }

    [Theory]
    [InlineData("RateLimited")]
    [InlineData("Failed")]
    public void TakeQueued_ForcedProbe_TakesItsPlaceInThePace(string reason)
    {
        BalancerParts parts = new(["a"]);
        parts.LearnPace('a', perSecond: 2);
        parts.Eject('a', Enum.Parse<OutcomeKind>(reason));
        parts.Pass(60);
        Assert.NotNull(parts.Selection.TakeQueued(parts.Request(), parts.Now));

        Assert.Equal(0.5, parts.Time.Until(parts.Now, parts['a'].RoomAt(parts.Now)).TotalSeconds, 0.003);
    }

    [Fact]
    public void Take_PaceIsKnown_TakesOneAtATime()
    {
        BalancerParts parts = new(["a"]);
        parts.LearnPace('a', perSecond: 10, pause: 0.5);
        foreach ((double wait, bool goes) in new[] { (0.4999, false), (0.0001, true), (0, false), (0.09, false), (0.01, true), (0.05, false) })
        {
            parts.Pass(wait);
            Assert.Equal(goes, parts.Selection.Take(parts.Request(), retry: false, parts.Now) is not null);
        }
    }

    private static Attempt? Pick(BalancerParts parts, PickRequest? request = null) => parts.Selection.Pick(request ?? parts.Request(), parts.Now).Attempt;

    private static (PickKind Kind, Refusal Refusal) KindOf(BalancerParts parts, PickRequest request)
    {
        PickResult result = parts.Selection.Pick(request, parts.Now);
        return (result.Kind, result.Refusal);
    }

    private static PickRequest Tried(BalancerParts parts, string names)
    {
        PickRequest request = parts.Request();
        foreach (char name in names)
        {
            request.Failed(parts[name], rejected: false, wouldRepeat: false);
        }

        return request;
    }

    private static BalancerParts WithRequestLimits(int? requests, int? tokens = null) =>
        new(["ab"], setup: (_, setup) => setup with { RequestsPerMinute = requests, TokensPerMinute = tokens });

    private static BalancerParts WithTokenLimits(string names) => new([names], setup: static (_, setup) => setup with { TokensPerMinute = 100 });
}
