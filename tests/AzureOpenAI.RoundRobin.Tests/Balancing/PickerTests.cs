using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>Whose turn it is among the endpoints of one model.</summary>
public class PickerTests
{
    private readonly BalancerParts _parts = new(["abc"]);

    private Picker Picker => _parts.Picker;

    [Fact]
    public void TryPick_NothingIsDue_GoesRound()
    {
        Picker.NextEvent = long.MaxValue;

        Assert.Equal("abcabc", Turns(6));
    }

    [Fact]
    public void TryPick_New_LooksUnderTheLockFirst() => Assert.False(Picker.TryPick(0, out _));

    [Fact]
    public void TryPick_SomethingIsDue_IsFalseFromThen()
    {
        Picker.NextEvent = _parts.In(1);
        Assert.True(Picker.TryPick(0, out _));
        _parts.Pass(1);
        uint turns = Picker.Turns;

        Assert.False(Picker.TryPick(0, out Endpoint? endpoint));

        Assert.Equal((null, turns), (endpoint, Picker.Turns));
    }

    [Fact]
    public void TryPick_NoneIsAvailable_IsFalse()
    {
        _parts.Eject('a', OutcomeKind.RateLimited);
        _parts.Eject('b', OutcomeKind.RateLimited);
        _parts.Eject('c', OutcomeKind.RateLimited);
        Picker.NextEvent = long.MaxValue;

        Assert.False(Picker.TryPick(0, out _));
    }

    [Fact]
    public void TryPick_WithAffinity_TakesNoTurn()
    {
        Picker.NextEvent = long.MaxValue;
        uint turns = Picker.Turns;
        Assert.True(Picker.TryPick(7, out Endpoint? first));
        Assert.True(Picker.TryPick(7, out Endpoint? second));

        Assert.Same(first, second);
        Assert.Equal((turns, 2u, turns + 2), (Picker.Turns, Picker.Preferred, Picker.Begun));
    }

    [Fact]
    public void Become_Endpoints_SaysWhatTheyAllow()
    {
        Assert.Equal((true, null), (Picker.HasAlternatives, Picker.Homes));
        Picker.Become([_parts['a']], hasHomes: true);
        Assert.Equal((false, true), (Picker.HasAlternatives, Picker.Homes is not null));

        BalancerParts limited = new(["ab", "a"], setup: static (name, setup) => setup with { TokensPerMinute = name == 'b' ? 1000 : null });
        Assert.Equal((true, false), (limited.Pickers[0].CountsTokens, limited.Pickers[1].CountsTokens));
    }

    [Fact]
    public void Become_SameEndpoints_KeepsTheirHomes()
    {
        Picker.Become(Picker.Endpoints, hasHomes: true);
        object? homes = Picker.Homes;
        object test = Picker.StallTest;

        Picker.Become([.. Picker.Endpoints], hasHomes: true);
        Assert.Equal((homes, test), (Picker.Homes, Picker.StallTest));

        Picker.Become([_parts['a'], _parts['b']], hasHomes: true);
        Assert.NotSame(homes, Picker.Homes);
        Picker.Become([_parts['a'], _parts['b']], hasHomes: false);
        Assert.Null(Picker.Homes);
    }

    [Fact]
    public void Become_OtherWeights_MakesAnotherRotation()
    {
        _parts['a'].Become(_parts['a'].Setup with { Weight = 2 });
        Picker.Rebuild();
        Assert.Equal(3, Picker.Rotation.Count);

        Picker.Become(Picker.Endpoints, hasHomes: false);
        Picker.Rebuild();

        Assert.Equal(4, Picker.Rotation.Count);
    }

    [Theory]
    [InlineData("", "abc", "")]
    [InlineData("a", "bc", "")]
    [InlineData("ab", "c", "")]
    [InlineData("abc", "", "")]
    public void Rebuild_Unavailable_IsNoLongerInTheRotation(string unavailable, string rotation, string candidates)
    {
        foreach (char name in unavailable)
        {
            _parts.Eject(name, OutcomeKind.Unreachable);
        }

        Assert.Equal((rotation, candidates), (Names(Picker.Rotation.Members), Names(Picker.Candidates.ToArray())));
        Assert.Equal(rotation != "", Picker.HasHealthy);
    }

    [Fact]
    public void Rebuild_ProbedOrRecovering_IsACandidateOrInTheRotationOfItsPriority()
    {
        BalancerParts parts = new(["abcdef"], setup: static (name, setup) => setup with { Priority = name switch { 'a' or 'b' => 0, 'f' => 2, _ => 1 } });
        parts.EjectAndRecover('a', OutcomeKind.Unreachable);
        parts.EjectAndProbe('b', OutcomeKind.Unreachable);
        parts.EjectAndProbe('c', OutcomeKind.Unreachable);
        parts.EjectAndRecover('d', OutcomeKind.Unreachable);
        parts.EjectAndProbe('f', OutcomeKind.Unreachable);

        Assert.Equal((1, "de", "abc"), (parts.Picker.Priority, Names(parts.Picker.Rotation.Members), Names(parts.Picker.Candidates.ToArray())));
    }

    [Fact]
    public void Rebuild_NoneIsHealthy_AllAreCandidatesTheBestPriorityFirst()
    {
        BalancerParts parts = new(["abc"], setup: static (name, setup) => setup with { Priority = 'c' - name });
        foreach (char name in "abc")
        {
            parts.EjectAndProbe(name, OutcomeKind.Unreachable);
        }

        Assert.Equal((int.MaxValue, "cba"), (parts.Picker.Priority, Names(parts.Picker.Candidates.ToArray())));
    }

    [Fact]
    public void Rebuild_SomeAreNearTheirLimit_HaveNoTurnsUntilAllAre()
    {
        SayNear('a');
        Picker.Rebuild();
        Assert.Equal("bc", Names(Picker.Rotation.Members));

        SayNear('b');
        SayNear('c');
        Picker.Rebuild();

        Assert.Equal("abc", Names(Picker.Rotation.Members));
    }

    [Fact]
    public void Rebuild_AnEndpointIsEjected_GoesOnWithTheNextInOrder()
    {
        Picker.NextEvent = long.MaxValue;
        Assert.Equal("a", Turns(1));

        _parts.Eject('b', OutcomeKind.Unreachable);

        Assert.Equal("cac", Turns(3));
    }

    [Fact]
    public void Rebuild_NothingHasChanged_KeepsTheRotation()
    {
        Rotation rotation = Picker.Rotation;
        Picker.Become(Picker.Endpoints, hasHomes: false);
        Picker.Rebuild();
        Assert.NotSame(rotation, Picker.Rotation);
        rotation = Picker.Rotation;

        Picker.Rebuild();

        Assert.Same(rotation, Picker.Rotation);
    }

    [Fact]
    public void FindLagging_FarSlowerThanTheOthers_HasOneTurnInThirtyTwo()
    {
        for (int round = 0; round < 3; round++)
        {
            Answer(0.1);
            if (Picker.FindLagging())
            {
                break;
            }
        }

        Picker.Rebuild();

        Assert.Equal(("bc", "a"), (Names(Picker.Rotation.Members), Names(Picker.Rotation.Lagging)));
        Assert.False(Picker.FindLagging());
        for (int round = 0; round < 3; round++)
        {
            Answer(0.01);
        }

        Assert.True(Picker.FindLagging());
        Picker.Rebuild();
        Assert.Equal("abc", Names(Picker.Rotation.Members));
    }

    [Fact]
    public void Take_AllMayBeAsked_GoesRound() => Assert.Equal("abcab", string.Concat(Enumerable.Range(0, 5).Select(_ => Take()!.Name)));

    [Fact]
    public void Take_CallHasTriedOne_PassesItOver()
    {
        PickRequest request = _parts.Request();
        request.Failed(_parts['a'], rejected: false, wouldRepeat: false);

        Assert.Equal("b", Take(request)?.Name);
        // Its first attempt has had the turn of the one that was passed over; this one took a turn of its own.
        Assert.Equal("b", Take()?.Name);
    }

    [Fact]
    public void Take_InAPause_TurnsAreTakenFromItAndFromNoOther()
    {
        _parts.LearnPace('a', pause: 0.999);
        Assert.Equal("b", Take()?.Name);

        Assert.Equal(1u, Picker.Turns);
        Assert.Equal("cbc", string.Concat(Enumerable.Range(0, 3).Select(_ => Take()!.Name)));
        _parts.Pass(1);
        Assert.Equal("a", Take()?.Name);
    }

    [Fact]
    public void Take_NoRoom_IsPassedOverWithItsTurn()
    {
        BalancerParts parts = new(["abc"], setup: static (_, setup) => setup with { RequestsPerMinute = 60 });
        parts['a'].Capacity.Charge(0, parts.Now);

        Assert.Equal("bcbc", string.Concat(Enumerable.Range(0, 4).Select(_ => parts.Picker.Take(parts.Filter())!.Name)));
    }

    [Fact]
    public void Take_NoneMayBeAsked_IsNullAndTakesNoTurn()
    {
        PickRequest request = _parts.Request();
        foreach (char name in "abc")
        {
            request.Failed(_parts[name], rejected: false, wouldRepeat: false);
        }

        uint turns = Picker.Turns;

        Assert.Null(Take(request));

        Assert.Equal((turns, false), (Picker.Turns, Picker.HasAny(_parts.Filter(request))));
        Assert.True(Picker.HasAny(_parts.Filter(request, retry: true)));
    }

    [Fact]
    public void Take_RotationHasNoRoom_SpillsOverToTheNextPriorityInTurn()
    {
        BalancerParts parts = new(["abcd"], setup: static (name, setup) => setup with { Priority = name switch { 'a' => 0, 'd' => 2, _ => 1 } });
        PickRequest request = parts.Request();
        Assert.Equal("a", parts.Picker.Take(parts.Filter(request))?.Name);
        request.Failed(parts['a'], rejected: true, wouldRepeat: false);

        Assert.Equal("bcb", string.Concat(Enumerable.Range(0, 3).Select(_ => parts.Picker.Take(parts.Filter(request))!.Name)));
        request.Failed(parts['b'], rejected: true, wouldRepeat: false);
        request.Failed(parts['c'], rejected: true, wouldRepeat: false);
        Assert.Equal("d", parts.Picker.Take(parts.Filter(request))?.Name);
        request.Failed(parts['d'], rejected: true, wouldRepeat: false);
        Assert.Null(parts.Picker.Take(parts.Filter(request)));
    }

    [Fact]
    public void Take_OthersOfThePriorityAreNearTheirLimit_ComeBeforeTheNextPriority()
    {
        BalancerParts parts = new(["abc"], setup: static (name, setup) => setup with { Priority = name == 'c' ? 1 : 0 });
        SayNear('b', parts);
        parts.Picker.Rebuild();
        PickRequest request = parts.Request();
        request.Failed(parts['a'], rejected: true, wouldRepeat: false);

        Assert.Equal("b", parts.Picker.Take(parts.Filter(request))?.Name);
    }

    [Fact]
    public void Take_SpillOverOfAPriorityThatIsUnavailable_IsTheOneAfterIt()
    {
        BalancerParts parts = new(["abc"], setup: static (name, setup) => setup with { Priority = name - 'a' });
        parts.EjectAndProbe('b', OutcomeKind.Unreachable);
        PickRequest request = parts.Request();
        request.Failed(parts['a'], rejected: true, wouldRepeat: false);

        Assert.Equal("c", parts.Picker.Take(parts.Filter(request))?.Name);
    }

    [Fact]
    public void Peek_Suits_IsTheNextInTurnThatDoesElseAnyOfAll()
    {
        Assert.Equal("a", Picker.Peek(static _ => true)?.Name);
        Assert.Equal("c", Picker.Peek(static endpoint => endpoint.Name == "c")?.Name);
        _parts.Eject('b', OutcomeKind.Unreachable);
        Assert.Equal("b", Picker.Peek(static endpoint => endpoint.Name == "b")?.Name);

        Assert.Null(Picker.Peek(static _ => false));
    }

    private static string Names(ReadOnlySpan<Endpoint> endpoints) => string.Concat(endpoints.ToArray().Select(static endpoint => endpoint.Name));

    private string Turns(int count) => string.Concat(Enumerable.Range(0, count).Select(_ => Picker.TryPick(0, out Endpoint? endpoint) ? endpoint.Name : "-"));

    private Endpoint? Take(PickRequest? request = null) => Picker.Take(_parts.Filter(request));

    private void SayNear(char name, BalancerParts? parts = null)
    {
        parts ??= _parts;
        using HttpResponseMessage answer = new();
        answer.Headers.Add("x-ratelimit-remaining-requests", "0");
        parts[name].Hints.Answered(answer.Headers);
        parts[name].Hints.Apply(parts.Now);
    }

    /// <summary>Each endpoint has answered thirty calls; the first takes so long, the others 10 ms.</summary>
    private void Answer(double seconds)
    {
        for (int i = 0; i < 30; i++)
        {
            foreach (char name in "abc")
            {
                _parts[name].ResponseTimes.Add(TimeSpan.FromSeconds((name == 'a' ? seconds : 0.01) + (i * 0.0001)), tokens: 0);
            }
        }
    }
}
