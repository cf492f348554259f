using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>How everything is brought up to the present, and when it is looked at again.</summary>
public sealed class SettlementTests : IDisposable
{
    private const int Recovered = 5;

    private readonly BalancerParts _parts = new(["ab"]);
    private readonly FakeTimer _wake = new();

    public void Dispose() => _wake.Dispose();

    [Fact]
    public void Settle_NothingHasChanged_LooksAtNothingBeforeSomethingIsDue()
    {
        Settlement settlement = SettlementOf(_parts);
        _parts.Eject('a', OutcomeKind.RateLimited, hint: 1);
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 3);
        Settle(settlement, changed: true);
        Assert.False(_parts.State.HasChanged);

        _parts.Pass(0.9);
        _parts['a'].Health.Deployment.BeginProbing();
        Settle(settlement);
        Assert.Empty(_parts.Picker.Candidates);
        _parts.Pass(0.1);
        Settle(settlement);

        Assert.Equal([_parts['a']], _parts.Picker.Candidates);
    }

    [Fact]
    public void Settle_CooldownIsOver_IsProbed()
    {
        Settlement settlement = SettlementOf(_parts);
        _parts.Eject('a', OutcomeKind.Unreachable);
        _parts.Eject('b', OutcomeKind.MissingDeployment);
        Settle(settlement, changed: true);
        _parts.Pass(1);
        Settle(settlement);

        Assert.Equal((EndpointState.Probing, EndpointState.Unavailable), (_parts['a'].Health.State, _parts['b'].Health.State));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(null)]
    public void Settle_PauseIsOver_IsHealthyAndGoesAtItsPace(double? hint)
    {
        Settlement settlement = SettlementOf(_parts);
        _parts.LearnPace('a', perSecond: 2, pause: 0.05);
        _parts.TakeTwo('a');
        _parts.Fail('a', OutcomeKind.RateLimited, hint);
        Assert.Equal((EndpointState.Unavailable, 0.5), (_parts['a'].Health.State, _parts.UnavailableFor('a')));
        Settle(settlement, changed: true);
        _parts.Pass(0.4999);
        Settle(settlement);
        Assert.Equal((EndpointState.Unavailable, 1), (_parts['a'].Health.State, _parts.Picker.Rotation.Count));
        _parts.Pass(0.0001);
        Settle(settlement);

        Assert.Equal((EndpointState.Healthy, 2, true), (_parts['a'].Health.State, _parts.Picker.Rotation.Count, _parts['a'].HasRoom(_parts.Now)));
        Assert.Equal("a", _parts.Selection.Take(_parts.Request(), retry: false, _parts.Now)?.Endpoint.Name);
        Assert.False(_parts['a'].HasRoom(_parts.Now));
    }

    [Fact]
    public void Settle_RestAfterALongHintIsOver_IsProbed()
    {
        Settlement settlement = SettlementOf(_parts);
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 3);
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 600);
        _parts.Fail('a', OutcomeKind.RateLimited, hint: 600, fingerprint: 2);
        Settle(settlement, changed: true);
        _parts.Pass(60);
        Settle(settlement);

        Assert.Equal(EndpointState.Probing, _parts['a'].Health.State);
    }

    [Fact]
    public void Settle_ProbeRunsForLongerThanARejectionTakes_IsAdmitted()
    {
        Settlement settlement = SettlementOf(_parts);
        _parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        _parts.EjectAndProbe('b', OutcomeKind.RateLimited);
        _parts.Begin('a');
        _parts.Begin('b');
        Settle(settlement, changed: true);
        _parts.Pass(0.25);
        Settle(settlement);

        Assert.Equal((EndpointState.Recovering, EndpointState.Recovering, 0), (_parts['a'].Health.State, _parts['b'].Health.State, _parts.Permits.Count));
    }

    [Fact]
    public void Settle_QueuedCalls_AreReleasedInOrderWhileEndpointsTakeThem()
    {
        Settlement settlement = SettlementOf(_parts);
        _parts.Eject('a', OutcomeKind.RateLimited, hint: 1);
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 5);
        Waiter[] waiters = [_parts.Enqueue(), _parts.Enqueue()];
        Settle(settlement, changed: true);
        Assert.False(waiters[0].IsOver);
        _parts.Pass(1);
        Settle(settlement);

        Assert.Equal("a", BalancerParts.ReleasedTo(waiters[0])?.Endpoint.Name);
        Assert.Equal((false, 1), (waiters[1].IsOver, _parts.Picker.Queue.Length));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Settle_SixteenMayRunAtOnce_IsHealthyUnlessCallsAreQueuedForIt(bool isAwaited)
    {
        BalancerParts parts = new(["a", "b"]);
        Settlement settlement = SettlementOf(parts);
        foreach (OutcomeKind kind in new[] { OutcomeKind.RateLimited, OutcomeKind.Unreachable })
        {
            parts.EjectAndRecover('a', kind);
        }

        foreach (HealthState health in parts.Members.HealthStates.Where(static health => health.State == EndpointState.Recovering))
        {
            for (int i = 0; i < 16; i++)
            {
                health.Acquire(parts.Now);
                health.Admit(parts.Now);
            }
        }

        parts.LearnPace('a', pause: 0.9);
        if (isAwaited)
        {
            parts.Enqueue();
        }

        Settle(settlement, parts, changed: true);

        Assert.Equal(isAwaited ? EndpointState.Recovering : EndpointState.Healthy, parts['a'].Health.Deployment.State);
        Assert.Equal(isAwaited ? EndpointState.Recovering : EndpointState.Healthy, parts['a'].Health.Resource.State);
        Assert.Equal(!isAwaited, parts.Picker.HasHealthy);
    }

    [Fact]
    public void Settle_HealthyAgain_IsLoggedOnce()
    {
        Settlement settlement = SettlementOf(_parts);
        _parts['a'].IsLoggedUnavailable = true;
        _parts.EjectAndRecover('a', OutcomeKind.RateLimited);
        Settle(settlement, changed: true);
        Assert.Empty(_parts.LoggedIds());

        _parts['a'].Health.Deployment.Recover(RecoveryReason.CapacityKnown, 0, _parts.Now);
        Settle(settlement, changed: true);
        Settle(settlement, changed: true);

        Assert.Equal([Recovered], _parts.LoggedIds());
        Assert.False(_parts['a'].IsLoggedUnavailable);
    }

    [Fact]
    public void NextEvent_AllHealthy_IsNever()
    {
        Settle(SettlementOf(_parts), changed: true);

        Assert.Equal((long.MaxValue, null), (_parts.Picker.NextEvent, _wake.Delay));
    }

    [Fact]
    public void NextEvent_CallsAreQueued_IsAtOnceForTheirModelOnly()
    {
        BalancerParts parts = new(["a", "b"]);
        parts.Eject('a', OutcomeKind.RateLimited, hint: 3);
        parts.Enqueue();
        Settle(SettlementOf(parts), parts, changed: true);

        Assert.Equal((long.MinValue, parts.In(3)), (parts.Pickers[0].NextEvent, parts.Pickers[1].NextEvent));
        Assert.Equal(TimeSpan.FromSeconds(3), _wake.Delay);
    }

    [Fact]
    public void NextEvent_EndpointIsUnavailable_IsTheEndOfItsCooldown()
    {
        _parts.Eject('a', OutcomeKind.RateLimited, hint: 3);
        _parts.Eject('b', OutcomeKind.Unreachable, hint: 2);
        Settle(SettlementOf(_parts), changed: true);

        Assert.Equal((_parts.In(2), null), (_parts.Picker.NextEvent, _wake.Delay));
    }

    [Theory]
    [InlineData("recovering")]
    [InlineData("paced")]
    [InlineData("paused")]
    [InlineData("limited")]
    public void NextEvent_EndpointIsNotSimplyHealthy_IsAtOnce(string what)
    {
        BalancerParts parts = new(["ab"], setup: (_, setup) => setup with { RequestsPerMinute = what == "limited" ? 60 : null });
        if (what == "recovering")
        {
            parts.EjectAndRecover('a', OutcomeKind.RateLimited);
        }
        else if (what == "paced")
        {
            parts.LearnPace('a');
        }
        else if (what == "paused")
        {
            parts['a'].Capacity.PauseUntil(parts.In(0.05), isStated: true);
        }

        Settle(SettlementOf(parts), parts, changed: true);

        Assert.Equal(long.MinValue, parts.Picker.NextEvent);
    }

    [Fact]
    public void NextEvent_EndpointOfAWorsePriorityRecovers_IsNever()
    {
        BalancerParts parts = new(["ab"], setup: static (name, setup) => setup with { Priority = name - 'a' });
        parts.EjectAndRecover('b', OutcomeKind.RateLimited);
        Settle(SettlementOf(parts), parts, changed: true);

        Assert.Equal(long.MaxValue, parts.Picker.NextEvent);
    }

    [Fact]
    public void NextEvent_ProbedBesideHealthyOnes_IsWhenTheBudgetHasAToken()
    {
        _parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        _parts.SpendBudget();
        Settle(SettlementOf(_parts), changed: true);

        Assert.Equal(_parts.In(0.1), _parts.Picker.NextEvent);
    }

    [Fact]
    public void NextEvent_NearItsLimit_IsTheEndOfItsRest()
    {
        using HttpResponseMessage answer = new();
        answer.Headers.Add("x-ratelimit-remaining-requests", "0");
        answer.Headers.Add("x-ratelimit-reset-requests", "7");
        _parts['a'].Hints.Answered(answer.Headers);
        _parts.State.ApplyHints(_parts['a'], _parts.Now);
        Settlement settlement = SettlementOf(_parts);
        Settle(settlement, changed: true);
        Assert.Equal(_parts.In(7), _parts.Picker.NextEvent);
        Assert.Equal(1, _parts.Picker.Rotation.Count);
        _parts.Pass(7);
        Settle(settlement);

        Assert.Equal((long.MaxValue, 2), (_parts.Picker.NextEvent, _parts.Picker.Rotation.Count));
    }

    [Fact]
    public void NextEvent_OneThatHasLeftIsNearItsLimit_IsNever()
    {
        using HttpResponseMessage answer = new();
        answer.Headers.Add("x-ratelimit-remaining-requests", "0");
        answer.Headers.Add("x-ratelimit-reset-requests", "7");
        _parts.InFlight.Retire([_parts['a']]);
        _parts['a'].Hints.Answered(answer.Headers);
        _parts.State.ApplyHints(_parts['a'], _parts.Now);
        Settle(SettlementOf(_parts), changed: true);

        Assert.Equal(long.MaxValue, _parts.Picker.NextEvent);
    }

    [Fact]
    public void Wake_QueueWaitsForAFault_IsForTheNextForcedProbe()
    {
        _parts.Eject('a', OutcomeKind.Unreachable);
        _parts.Eject('b', OutcomeKind.Unreachable);
        _parts.Enqueue();
        _parts.Enqueue();
        Settle(SettlementOf(_parts), changed: true);

        Assert.Equal(1, _parts.Picker.Queue.Length);
        Assert.Equal(TimeSpan.FromMilliseconds(250), _wake.Delay);
    }

    [Fact]
    public void Wake_EndpointStandsInABurst_IsInAMoment()
    {
        for (int i = 0; i < 32; i++)
        {
            _parts.Begin('b');
        }

        PickRequest request = _parts.Request();
        request.Failed(_parts['a'], rejected: true, wouldRepeat: false);
        _parts.Eject('a', OutcomeKind.RateLimited, hint: 5);
        _parts.Enqueue(request);
        Settle(SettlementOf(_parts), changed: true);

        Assert.Equal((1, TimeSpan.FromMilliseconds(25)), (_parts.Picker.Queue.Length, _wake.Delay));
    }

    [Fact]
    public void Wake_EndpointIsPaced_IsWhenItHasRoom()
    {
        BalancerParts parts = new(["a"]);
        parts.LearnPace('a', perSecond: 8, pause: 0.05);
        parts.Pass(1);
        Settlement settlement = SettlementOf(parts);
        Waiter[] waiters = [parts.Enqueue(), parts.Enqueue(), parts.Enqueue()];
        Settle(settlement, parts, changed: true);
        Assert.Equal((true, false), (waiters[0].IsOver, waiters[1].IsOver));
        Assert.InRange(_wake.Delay!.Value.TotalMilliseconds, 50, 125);
        parts.Time.Advance(_wake.Delay.Value);
        parts.State.HasChanged = true;
        settlement.Settle(parts.Now);

        Assert.Equal((true, false, 1), (waiters[1].IsOver, waiters[2].IsOver, parts.Picker.Queue.Length));
    }

    [Fact]
    public void Wake_ConfiguredLimitIsReached_IsWhenItHasRoom()
    {
        BalancerParts parts = new(["a"], setup: static (_, setup) => setup with { RequestsPerMinute = 60 });
        parts.Enqueue();
        parts.Enqueue();
        Settle(SettlementOf(parts), parts, changed: true);

        Assert.Equal((1, TimeSpan.FromSeconds(1)), (parts.Picker.Queue.Length, _wake.Delay));
    }

    [Fact]
    public void Wake_PartOfAMillisecond_IsRoundedUp()
    {
        _parts.Eject('a', OutcomeKind.RateLimited, hint: 0.1234);
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 5);
        _parts.Enqueue();
        Settle(SettlementOf(_parts), changed: true);

        Assert.Equal(TimeSpan.FromMilliseconds(124), _wake.Delay);
    }

    [Fact]
    public void Relocate_CallIsStuck_IsCancelledOutsideOfTheLock()
    {
        DeferredWork deferred = new(_parts.Log);
        Settlement settlement = SettlementOf(_parts, deferred);
        Attempt attempt = _parts.Begin('a');
        attempt.CanRelocate = true;
        attempt.Await(_parts.Now, TimeSpan.FromHours(1));
        _parts.Eject('a', OutcomeKind.Stalled);
        _parts.Pass(1);
        Settle(settlement, changed: true);

        Assert.Equal((true, false, TimeSpan.FromMilliseconds(250)), (attempt.IsRelocated, attempt.Token.IsCancellationRequested, _wake.Delay));
        deferred.Run();
        Assert.True(attempt.Token.IsCancellationRequested);
    }

    private Settlement SettlementOf(BalancerParts parts, DeferredWork? deferred = null) => new(
        parts.State, parts.Time, parts.InFlight, parts.Permits, parts.Probes, new StuckCalls(parts.Time, parts.InFlight, parts.Budget, parts.State.CallsBegun), parts.Outcomes,
        parts.Selection, parts.Log, deferred ?? new DeferredWork(parts.Log), _wake);

    private void Settle(Settlement settlement, bool changed = false) => Settle(settlement, _parts, changed);

    private void Settle(Settlement settlement, BalancerParts parts, bool changed)
    {
        parts.State.HasChanged = changed;
        settlement.Settle(parts.Now);
    }

    /// <summary>Remembers what it is set for, and never fires.</summary>
    private sealed class FakeTimer : ITimer
    {
        public TimeSpan? Delay { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            Delay = dueTime;
            return true;
        }

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => default;
    }
}
