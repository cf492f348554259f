using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Affinity;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Affinity;

/// <summary>The endpoint for a call with an affinity.</summary>
public class PreferredPickTests
{
    private const uint Key = 7;
    private readonly BalancerParts _parts = new(["abc"]);

    private Picker Picker => _parts.Picker;

    [Fact]
    public void Of_EmptyRotation_IsNullAndCountsNothing()
    {
        Assert.Null(PreferredPick.Of(Picker, Rotation.Empty, Key, default(AnyEndpoint)));

        Assert.Equal(0u, Picker.Preferred);
    }

    [Fact]
    public void Of_NoHomes_IsTheFirstInTheKeysOrder()
    {
        foreach (uint key in Enumerable.Range(1, 50).Select(static key => (uint)key))
        {
            Assert.Same(OrderOf(key)[0], Pick(key));
        }

        Assert.Equal(50u, Picker.Preferred);
    }

    [Fact]
    public void Of_Homes_IsTheHomeAlsoWhereTheKeyPrefersAnother()
    {
        Picker.Become(Picker.Endpoints, hasHomes: true);
        Endpoint home = Pick(Key)!;
        Assert.Same(home, Pick(Key));

        _parts.Eject(home.Name[0], OutcomeKind.Unreachable);
        Assert.NotSame(home, Pick(Key));
        home.Health.Resource.BeginProbing();
        home.Health.Resource.Acquire(_parts.Now);
        home.Health.Resource.Admit(_parts.Now);
        _parts.Rebuild();

        Assert.Same(home, Pick(Key));
    }

    [Fact]
    public void Of_CallHasTriedItsFirst_IsTheNextInTheKeysOrder()
    {
        Endpoint[] order = OrderOf(Key);
        PickRequest request = _parts.Request();
        request.Failed(order[0], rejected: true, wouldRepeat: false);
        Assert.Same(order[1], PreferredPick.Of(Picker, Picker.Rotation, Key, _parts.Filter(request)));

        request.Failed(order[1], rejected: true, wouldRepeat: false);
        request.Failed(order[2], rejected: true, wouldRepeat: false);

        Assert.Null(PreferredPick.Of(Picker, Picker.Rotation, Key, _parts.Filter(request)));
        Assert.Equal(1u, Picker.Preferred);
    }

    [Fact]
    public void Of_FirstIsOverloaded_IsTheNextUnlessNoOtherMayBeAsked()
    {
        Endpoint[] order = OrderOf(Key);
        for (int i = 0; i < 8; i++)
        {
            _parts.Begin(order[0].Name[0]);
        }

        PickRequest request = _parts.Request();
        Assert.Same(order[1], PreferredPick.Of(Picker, Picker.Rotation, Key, _parts.Filter(request)));
        request.Failed(order[1], rejected: true, wouldRepeat: false);
        request.Failed(order[2], rejected: true, wouldRepeat: false);

        Assert.Same(order[0], PreferredPick.Of(Picker, Picker.Rotation, Key, _parts.Filter(request)));
    }

    [Fact]
    public void Of_OneLags_HasOneCallInThirtyTwo()
    {
        Rotation rotation = Rotation.Of([_parts['a'], _parts['b']], [_parts['c']]);

        string names = string.Concat(Enumerable.Range(0, 65).Select(_ => PreferredPick.Of(Picker, rotation, Key, default(AnyEndpoint))!.Name));

        Assert.Equal([0, 32, 64], names.Select(static (name, i) => name == 'c' ? i : -1).Where(static i => i >= 0));
    }

    [Fact]
    public void Of_TwoLag_HaveThatCallInTurn()
    {
        Rotation rotation = Rotation.Of([_parts['a']], [_parts['b'], _parts['c']]);

        string names = string.Concat(Enumerable.Range(0, 97).Select(_ => PreferredPick.Of(Picker, rotation, Key, default(AnyEndpoint))!.Name));

        Assert.Equal("bcbc", names.Replace("a", "", StringComparison.Ordinal));
    }

    [Fact]
    public void Of_OnlyTheLaggingMayBeAsked_IsThat()
    {
        Rotation rotation = Rotation.Of([_parts['a'], _parts['b']], [_parts['c']]);
        PickRequest request = _parts.Request();
        request.Failed(_parts['c'], rejected: true, wouldRepeat: false);
        Assert.NotEqual("c", PreferredPick.Of(Picker, rotation, Key, _parts.Filter(request))?.Name);

        request = _parts.Request();
        request.Failed(_parts['a'], rejected: true, wouldRepeat: false);
        request.Failed(_parts['b'], rejected: true, wouldRepeat: false);

        Assert.Equal((1u, "c"), (Picker.Preferred, PreferredPick.Of(Picker, rotation, Key, _parts.Filter(request))?.Name));
    }

    private Endpoint? Pick(uint key) => PreferredPick.Of(Picker, Picker.Rotation, key, default(AnyEndpoint));

    private Endpoint[] OrderOf(uint key)
    {
        List<Endpoint> order = [];
        foreach (Endpoint endpoint in new RendezvousOrder(key, Picker.Rotation.Members))
        {
            order.Add(endpoint);
        }

        return [.. order];
    }
}
