using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// What the next settlement looks at: the states whose time is up, those that recover, the pickers whose endpoints have changed, and those with queued calls. All else is as the
/// last one left it, so a settlement costs no more where there are more endpoints and models.
/// </summary>
/// <remarks>Not safe for concurrent use, but for <see cref="Next"/>; the balancer's lock guards it.</remarks>
internal sealed class Unsettled : IHealthListener
{
    private static readonly Comparer<Picker> ByPlace = Comparer<Picker>.Create(static (left, right) => left.Place.CompareTo(right.Place));

    private readonly PlacedHeap<HealthState, ByReturn> _unavailable = new();
    private readonly PlacedHeap<Endpoint, ByRest> _near = new();
    private readonly HashSet<HealthState> _unhealthy = [];
    private readonly HashSet<HealthState> _recovering = [];
    private readonly HashSet<HealthState> _stalled = [];
    private readonly HashSet<HealthState> _states = [];
    private readonly HashSet<Endpoint> _endpoints = [];
    private readonly HashSet<Picker> _pickers = [];
    private readonly HashSet<Picker> _toPlan = [];
    private readonly HashSet<Endpoint> _touched = [];
    private readonly List<Picker> _queued = [];
    private PoolMembers _members;

    public Unsettled(PoolMembers members) => Begin(_members = members);

    public NextSettlement Next { get; } = new();

    /// <summary>The pickers that have queued calls, or had some at the last settlement, in the order in which their queues are released.</summary>
    public IReadOnlyList<Picker> Queued => _queued;

    /// <summary>The endpoints that have changed since the last settlement.</summary>
    public HashSet<Endpoint> Touched => _touched;

    /// <summary>The states that recover now.</summary>
    public HealthState[] Recovering => _recovering.Count == 0 ? [] : [.. _recovering];

    /// <summary>The states that are not healthy.</summary>
    public IReadOnlyCollection<HealthState> Unhealthy => _unhealthy;

    /// <summary>When the next of them is over: a cooldown, or a rest near the limit.</summary>
    public long NextDue => Math.Min(_unavailable.First?.UnavailableUntil ?? long.MaxValue, _near.First?.Hints.NearUntil ?? long.MaxValue);

    /// <summary>Calls wait at an endpoint that has stalled.</summary>
    public bool HasStalled => _stalled.Count > 0 && _stalled.Any(health => Array.Exists(_members.EndpointsOf(health), static endpoint => endpoint.InFlight > 0));

    /// <summary>Other members, of which everything is to be looked at.</summary>
    public void Begin(PoolMembers members)
    {
        Array.ForEach(_members.HealthStates, static health => health.Listener = null);
        _members = members;
        _unavailable.Clear();
        _near.Clear();
        _unhealthy.Clear();
        _recovering.Clear();
        _stalled.Clear();
        _states.Clear();
        _endpoints.Clear();
        _pickers.Clear();
        _queued.Clear();
        Settled();
        foreach (HealthState health in members.HealthStates)
        {
            health.Listener = this;
            Changed(health);
        }

        for (int place = 0; place < members.Pickers.Length; place++)
        {
            Picker picker = members.Pickers[place];
            picker.Join(Next, place);
            _pickers.Add(picker);
            if (picker.Queue.Length > 0)
            {
                _queued.Add(picker);
            }
        }

        Array.ForEach(members.Endpoints, Heard);
    }

    /// <inheritdoc/>
    public void Changed(HealthState health)
    {
        _unavailable.Remove(health);
        if (health.State == EndpointState.Unavailable)
        {
            _unavailable.Add(health);
        }

        Keep(_unhealthy, health, health.State != EndpointState.Healthy);
        Keep(_recovering, health, health.State == EndpointState.Recovering);
        Keep(_stalled, health, health is { Reason: OutcomeKind.Stalled, State: EndpointState.Unavailable or EndpointState.Probing });
        _states.Add(health);
    }

    /// <summary>Its limits have changed, or the permits that it or its resource has left.</summary>
    public void Changed(Endpoint endpoint)
    {
        _endpoints.Add(endpoint);
        if (endpoint.Health.Resource.State != EndpointState.Healthy)
        {
            _states.Add(endpoint.Health.Resource);
        }
    }

    public void Changed(Picker picker) => _pickers.Add(picker);

    /// <summary>Headers of an answer were applied. At once after it, since the end of the rest may have changed. An endpoint that has left may still answer, and concerns no settlement.</summary>
    public void Heard(Endpoint endpoint)
    {
        _near.Remove(endpoint);
        if (endpoint.Hints.IsNear && !endpoint.IsRetired)
        {
            _near.Add(endpoint);
        }
    }

    /// <summary>A call has joined the picker's queue.</summary>
    public void Queue(Picker picker)
    {
        if (_queued.BinarySearch(picker, ByPlace) is < 0 and int index)
        {
            _queued.Insert(~index, picker);
        }
    }

    /// <summary>A state whose cooldown is over, as long as there is one: it is to become another.</summary>
    public HealthState? Due(long now) => _unavailable.First is { } first && first.UnavailableUntil <= now ? first : null;

    /// <summary>Ends the rests near a limit that are over.</summary>
    public void EndRests(long now)
    {
        while (_near.First is { } endpoint && endpoint.Hints.NearUntil <= now)
        {
            _near.Remove(endpoint);
            endpoint.Hints.Advance(now);
            _endpoints.Add(endpoint);
        }
    }

    /// <summary>Builds the rotations of what has changed.</summary>
    public void Rebuild()
    {
        foreach (Picker picker in Pending())
        {
            picker.Rebuild();
        }

        _toPlan.UnionWith(_pickers);
        _pickers.Clear();
    }

    /// <summary>The pickers that have changed since the last settlement, rebuilt or not.</summary>
    public HashSet<Picker> ToPlan()
    {
        _toPlan.UnionWith(Pending());
        return _toPlan;
    }

    /// <summary>Planned: nobody waits in queues that are empty.</summary>
    public void Planned() => _queued.RemoveAll(static picker => picker.Queue.Length == 0);

    /// <summary>All is done, but for the rotations of what has changed since <see cref="Rebuild"/>.</summary>
    public void Settled()
    {
        _toPlan.Clear();
        _touched.Clear();
    }

    private static void Keep(HashSet<HealthState> states, HealthState health, bool isIn)
    {
        if (isIn)
        {
            states.Add(health);
        }
        else if (states.Count > 0)
        {
            states.Remove(health);
        }
    }

    /// <summary>The pickers whose rotations may be out of date.</summary>
    private HashSet<Picker> Pending()
    {
        foreach (HealthState health in _states)
        {
            _endpoints.UnionWith(_members.EndpointsOf(health));
        }

        foreach (Endpoint endpoint in _endpoints)
        {
            Visits.Add();
            _touched.Add(endpoint);
            _pickers.UnionWith(_members.PickersOf(endpoint));
        }

        _states.Clear();
        _endpoints.Clear();
        return _pickers;
    }
}

/// <summary>By the end of the cooldown.</summary>
internal readonly struct ByReturn : IHeapOrder<HealthState>
{
    public static long NumberOf(HealthState item) => item.UnavailableUntil;

    public static ref int PlaceOf(HealthState item) => ref item.PlaceByReturn;
}

/// <summary>By the end of the rest near the limit.</summary>
internal readonly struct ByRest : IHeapOrder<Endpoint>
{
    public static long NumberOf(Endpoint item) => item.Hints.NearUntil;

    public static ref int PlaceOf(Endpoint item) => ref item.PlaceByRest;
}
