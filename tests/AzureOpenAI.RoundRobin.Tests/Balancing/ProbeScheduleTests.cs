using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>The rows of the schedule that a call may make before it waits: which endpoint, how often, at what price. The other rows are in <see cref="ProbeScheduleMisconfiguredTests"/> and <see cref="ProbeScheduleForcedTests"/>.</summary>
public class ProbeScheduleTests
{
    private readonly BalancerParts _parts = new(["abc"]);

    [Fact]
    public void Candidate_AllHealthy_IsNone() => Assert.Null(Candidate(_parts));

    [Fact]
    public void Candidate_Unavailable_IsNone()
    {
        _parts.Eject('a', OutcomeKind.RateLimited);

        Assert.Null(Candidate(_parts));
    }

    [Fact]
    public void Candidate_ProbedWhereOthersAreHealthy_CostsATokenAndNoTurn()
    {
        _parts.EjectAndProbe('b', OutcomeKind.RateLimited);
        uint turns = _parts.Picker.Turns;

        for (int i = 0; i < 10; i++)
        {
            Assert.Equal("b", Candidate(_parts)?.Name);
        }

        Assert.Null(Candidate(_parts));
        Assert.Equal((turns, _parts.Picker.Begun), (_parts.Picker.Turns, _parts['b'].ProbedAtTurn));
        _parts.Pass(0.1);
        Assert.Equal("b", Candidate(_parts)?.Name);
    }

    [Fact]
    public void Candidate_ProbedWhereNoneIsHealthy_CostsATurnAndNoToken()
    {
        BalancerParts parts = new(["ab"]);
        parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        parts.EjectAndProbe('b', OutcomeKind.RateLimited);
        parts.SpendBudget();
        PickRequest request = parts.Request();
        request.Failed(new BalancerParts(["z"])['z'], rejected: false, wouldRepeat: false);

        string names = string.Concat(Enumerable.Range(0, 4).Select(_ => Candidate(parts, request)!.Name));

        Assert.Equal(("abab", 3u), (names, parts.Picker.Turns));
    }

    [Fact]
    public void Candidate_CallHasTriedAnother_IsNoneWhereOthersAreHealthy()
    {
        _parts.EjectAndProbe('b', OutcomeKind.RateLimited);
        PickRequest request = _parts.Request();
        request.Failed(_parts['a'], rejected: true, wouldRepeat: false);

        Assert.Null(Candidate(_parts, request));
    }

    [Fact]
    public void Candidate_PermitIsTaken_IsNone()
    {
        _parts.EjectAndProbe('b', OutcomeKind.RateLimited);
        _parts.Begin('b');

        Assert.Null(Candidate(_parts));
    }

    [Fact]
    public void Candidate_AfterAFailedProbe_IsOfferedOnceInARoundOfTurns()
    {
        _parts.Eject('b', OutcomeKind.RateLimited);
        _parts.EjectAndProbe('b', OutcomeKind.RateLimited);
        Assert.Equal(1, _parts['b'].Health.FailedProbes);
        _parts['b'].ProbedAtTurn = _parts.Picker.Begun;

        for (int turn = 0; turn < 3; turn++)
        {
            Assert.Null(Candidate(_parts));
            _parts.Picker.Advance();
        }

        Assert.Equal("b", Candidate(_parts)?.Name);
        Assert.Null(Candidate(_parts));
    }

    [Fact]
    public void Candidate_RecoveringOfABetterPriority_CostsATurnAndNoToken()
    {
        BalancerParts parts = new(["ab"], setup: static (name, setup) => setup with { Priority = name == 'a' ? 0 : 1 });
        parts.EjectAndRecover('a', OutcomeKind.Unreachable);
        parts.SpendBudget();
        PickRequest request = parts.Request();
        request.Failed(parts['b'], rejected: false, wouldRepeat: false);

        Assert.Equal("a", Candidate(parts, request)?.Name);
        Assert.Equal(0u, parts.Picker.Turns);
    }

    [Fact]
    public void Candidate_Several_AreOfTheBestPriorityInTurn()
    {
        BalancerParts parts = new(["abcd"], setup: static (name, setup) => setup with { Priority = name == 'a' ? 1 : 0 });
        foreach (char name in "abcd")
        {
            parts.EjectAndProbe(name, OutcomeKind.RateLimited);
        }

        Assert.Equal("bcdbc", string.Concat(Enumerable.Range(0, 5).Select(_ => Candidate(parts)!.Name)));
        parts.Begin('b');
        parts.Begin('c');
        parts.Begin('d');
        Assert.Equal("a", Candidate(parts)?.Name);
    }

    [Fact]
    public void Standby_HealthyOrUnavailable_IsNone()
    {
        _parts.Eject('a', OutcomeKind.RateLimited);

        Assert.Null(Standby(_parts));
    }

    [Theory]
    [InlineData("Probing", "b")]
    [InlineData("Recovering", "b")]
    public void Standby_ProbedOrRecovering_IsTheFirstOfTheBestPriority(string state, string expected)
    {
        BalancerParts parts = new(["abcd"], setup: static (name, setup) => setup with { Priority = name == 'a' ? 2 : name == 'd' ? 0 : 1 });
        foreach (char name in "abc")
        {
            if (state == "Probing")
            {
                parts.EjectAndProbe(name, OutcomeKind.RateLimited);
            }
            else
            {
                parts.EjectAndRecover(name, OutcomeKind.RateLimited);
            }
        }

        Assert.Equal(expected, Standby(parts)?.Name);
    }

    [Fact]
    public void Standby_Tried_IsTheNextOne()
    {
        _parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        _parts.EjectAndProbe('c', OutcomeKind.RateLimited);
        PickRequest request = _parts.Request();
        request.Failed(_parts['a'], rejected: true, wouldRepeat: false);

        Assert.Equal("c", Standby(_parts, request)?.Name);
        _parts.SpendBudget();
        Assert.Equal("c", Standby(_parts, request)?.Name);
    }

    [Theory]
    [InlineData("Failed", true)]
    [InlineData("BrokenAnswer", true)]
    [InlineData("Unreachable", false)]
    [InlineData("CredentialRefused", false)]
    public void Intermittent_Ejected_IsOneThatFailedSomeCalls(string reason, bool expected)
    {
        _parts.Eject('b', Enum.Parse<OutcomeKind>(reason));

        Assert.Equal(expected ? "b" : null, Intermittent(_parts)?.Name);
    }

    [Fact]
    public void Intermittent_DeploymentIsUnavailableToo_IsNone()
    {
        _parts.Eject('b', OutcomeKind.Failed);
        _parts.Eject('b', OutcomeKind.RateLimited);

        Assert.Null(Intermittent(_parts));
    }

    [Fact]
    public void Intermittent_AllHealthy_IsNoneAndCostsNothing()
    {
        for (int i = 0; i < 20; i++)
        {
            Assert.Null(Intermittent(_parts));
        }

        _parts.Eject('b', OutcomeKind.Failed);
        Assert.NotNull(Intermittent(_parts));
    }

    [Fact]
    public void Intermittent_Several_IsTheOneThatHasNotFailedForLongest()
    {
        _parts.Eject('b', OutcomeKind.Failed);
        _parts.Pass(0.1);
        _parts.Eject('a', OutcomeKind.Failed);
        _parts.Eject('c', OutcomeKind.Failed);

        Assert.Equal("b", Intermittent(_parts)?.Name);
        PickRequest request = _parts.Request();
        request.Failed(_parts['b'], rejected: false, wouldRepeat: false);
        Assert.Equal("a", Intermittent(_parts, request)?.Name);
    }

    [Fact]
    public void Intermittent_BudgetIsSpent_IsNone()
    {
        _parts.Eject('b', OutcomeKind.Failed);
        _parts.SpendBudget();

        Assert.Null(Intermittent(_parts));
        _parts.Pass(0.1);
        Assert.NotNull(Intermittent(_parts));
        Assert.Null(Intermittent(_parts));
    }

    [Fact]
    public void Intermittent_TimeIsStated_IsNoneBeforeIt()
    {
        _parts.Eject('b', OutcomeKind.Failed, hint: 2);
        _parts.Pass(1.9);
        Assert.Null(Intermittent(_parts));
        _parts.Pass(0.1);

        Assert.Equal("b", Intermittent(_parts)?.Name);
    }

    [Fact]
    public void Intermittent_ConfiguredLimitHasNoRoom_IsNone()
    {
        BalancerParts parts = new(["ab"], setup: static (_, setup) => setup with { RequestsPerMinute = 60 });
        parts.Eject('b', OutcomeKind.Failed);
        parts['b'].Capacity.Charge(0, parts.Now);

        Assert.Null(Intermittent(parts));
    }

    [Fact]
    public void NextCandidateAt_NoCandidate_IsNever()
    {
        _parts.Eject('a', OutcomeKind.RateLimited);

        Assert.Equal(long.MaxValue, _parts.Probes.NextCandidateAt(_parts.Picker, _parts.Now));
    }

    [Fact]
    public void NextCandidateAt_ProbedWhereOthersAreHealthy_IsWhenTheBudgetHasAToken()
    {
        _parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        Assert.Equal(_parts.Now, _parts.Probes.NextCandidateAt(_parts.Picker, _parts.Now));

        _parts.SpendBudget();
        Assert.Equal(_parts.In(0.1), _parts.Probes.NextCandidateAt(_parts.Picker, _parts.Now));

        _parts.Begin('a');
        Assert.Equal(long.MaxValue, _parts.Probes.NextCandidateAt(_parts.Picker, _parts.Now));
    }

    [Fact]
    public void NextCandidateAt_PermitButNoRoom_IsWhenItHasRoom()
    {
        _parts.LearnPace('a', perSecond: 0.5, pause: 0.7);
        _parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        Assert.Equal(_parts.In(0.7), _parts.Probes.NextCandidateAt(_parts.Picker, _parts.Now));
        _parts.Pass(0.7);
        Assert.Equal(_parts.Now, _parts.Probes.NextCandidateAt(_parts.Picker, _parts.Now));
        _parts['a'].Capacity.Charge(0, _parts.Now);

        Assert.Equal(_parts['a'].RoomAt(_parts.Now), _parts.Probes.NextCandidateAt(_parts.Picker, _parts.Now));
    }

    [Fact]
    public void NextCandidateAt_ProbedWhereNoneIsHealthy_IsAtOnce()
    {
        BalancerParts parts = new(["ab"]);
        parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        parts.EjectAndProbe('b', OutcomeKind.RateLimited);
        parts.Begin('b');

        Assert.Equal(long.MinValue, parts.Probes.NextCandidateAt(parts.Picker, parts.Now));
    }

    private static Endpoint? Candidate(BalancerParts parts, PickRequest? request = null) => parts.Probes.Candidate(parts.Picker, parts.Filter(request));

    private static Endpoint? Standby(BalancerParts parts, PickRequest? request = null) => ProbeSchedule.Standby(parts.Picker, parts.Filter(request));

    private static Endpoint? Intermittent(BalancerParts parts, PickRequest? request = null) => parts.Probes.Intermittent(request ?? parts.Request(), parts.Now);
}
