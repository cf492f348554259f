using System.Diagnostics.CodeAnalysis;
using AzureOpenAI.RoundRobin.Balancing.Affinity;
using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>Picks the next among the endpoints that answer one model.</summary>
/// <remarks>
/// Every call uses <see cref="TryPick"/> without a lock. A call that reads while the balancer swaps the rotation acts on the state of a moment ago; the outcome of its
/// attempt shows if that was wrong. All else is under the balancer's lock.
/// </remarks>
internal sealed class Picker
{
    private readonly TimeProvider _time;
    private readonly CallCount _calls;
    private readonly HashSet<Endpoint> _lagging = [];
    private volatile Endpoint[] _endpoints = [];
    private volatile ConversationHomes? _homes;
    private volatile bool _countsTokens;
    private volatile StallTest _stallTest = new(0);
    private Rotation _rotation = Rotation.Empty;
    private NextSettlement _settlement = new();
    private long _nextEvent = long.MinValue;
    private LatencyOutliers? _outliers;
    private ResponseTimes[] _responseTimes = [];
    private uint _cursor;
    private uint _preferred;
    private uint _collected;
    private int _isListed;
    private long _nextCloseLook = long.MinValue;
    private List<Endpoint> _rotating = [];
    private bool _hasChanged = true;
    private uint _builtFor;

    /// <param name="time">The source of all time.</param>
    /// <param name="start">The start of the cursor.</param>
    /// <param name="calls">The count of the whole pool.</param>
    public Picker(TimeProvider time, uint start, CallCount calls)
    {
        (_time, _calls) = (time, calls);
        (_cursor, _collected) = (start, start);
        Queue = new(time);
    }

    /// <summary>Empty where the new configuration has no endpoint for the model.</summary>
    public Endpoint[] Endpoints => _endpoints;

    /// <summary>False where there is only one endpoint.</summary>
    public bool HasAlternatives => _endpoints.Length > 1;

    /// <summary>Some endpoint has a configured token limit, or has said that tokens are scarce, so calls need an estimate of theirs.</summary>
    public bool CountsTokens
    {
        get => _countsTokens;
        set => _countsTokens = value;
    }

    /// <summary>The home of each conversation; null without affinity.</summary>
    public ConversationHomes? Homes => _homes;

    public StallTest StallTest => _stallTest;

    /// <summary>The calls that wait for these endpoints.</summary>
    public WaitQueue Queue { get; }

    /// <summary>Stands for each call that looks for the first time, one after the other under the lock, so that none needs an object for that.</summary>
    public PickRequest FirstLook => field ??= new(this) { Patience = TimeSpan.Zero };

    /// <summary>Probing and recovering endpoints, which are offered a call before the rotation; the best priority first.</summary>
    public List<Endpoint> Candidates { get; } = [];

    /// <summary>The priority of the rotation; int.MaxValue where no endpoint is healthy.</summary>
    public int Priority { get; private set; } = int.MaxValue;

    public bool HasHealthy => Priority != int.MaxValue;

    /// <summary>Its place among all pickers, in whose order queues are released.</summary>
    public int Place { get; private set; }

    /// <summary>The number of calls that went to a worse priority, or beyond the rotation; wraps. Under the balancer's lock.</summary>
    public uint Spilled { get; set; }

    /// <summary>The endpoint that made calls take the lock when that was last looked at: most likely it does so still. Under the balancer's lock.</summary>
    public Endpoint? NeedsLock { get; set; }

    /// <summary>From when on stalls are looked for again. Written under the balancer's lock.</summary>
    public long NextCloseLook { get => Volatile.Read(ref _nextCloseLook); set => Volatile.Write(ref _nextCloseLook, value); }

    public Rotation Rotation => Volatile.Read(ref _rotation);

    /// <summary>The timestamp from which a call must look under the lock before it picks: at the latest that of the next settlement. long.MaxValue while nothing is due.</summary>
    public long NextEvent
    {
        get => Math.Min(Volatile.Read(ref _nextEvent), _settlement.At);
        set => Volatile.Write(ref _nextEvent, value);
    }

    /// <summary>The number of turns taken; wraps.</summary>
    public uint Turns => Volatile.Read(ref _cursor);

    /// <summary>The number of calls that went to their preferred endpoint and took no turn; wraps.</summary>
    public uint Preferred => Volatile.Read(ref _preferred);

    /// <summary>The number of calls that began, in turn or at their preferred endpoint; wraps.</summary>
    public uint Begun => unchecked(Turns + Preferred);

    /// <summary>Those of <see cref="Begun"/> that are not in the pool's count.</summary>
    public uint Uncollected => unchecked(Begun - Volatile.Read(ref _collected));

    /// <summary>The next in the list of <see cref="CallCount"/>.</summary>
    public Picker? NextListed { get; set; }

    public uint Advance()
    {
        uint turn = Interlocked.Increment(ref _cursor);
        EnsureListed();
        return turn;
    }

    public void CountPreferred()
    {
        Interlocked.Increment(ref _preferred);
        EnsureListed();
    }

    /// <summary>Leaves the list, with what it has counted since it left the last one. Its place is free before the count is read: <see cref="CallCount"/>.</summary>
    public uint Collect()
    {
        Interlocked.Exchange(ref _isListed, 0);
        while (true)
        {
            uint before = Volatile.Read(ref _collected);
            uint begun = Begun;
            if (begun == before || Interlocked.CompareExchange(ref _collected, begun, before) == before)
            {
                return unchecked(begun - before);
            }
        }
    }

    /// <summary>
    /// Picks the next endpoint without the lock. Reads the clock only while a change is due; from then on it returns false, and the call goes through
    /// <see cref="Balancer.Next"/>.
    /// </summary>
    public bool TryPick(uint affinity, [NotNullWhen(true)] out Endpoint? endpoint)
    {
        Rotation rotation = Rotation;
        long next = NextEvent;
        if (rotation.Count == 0 || (next != long.MaxValue && (next == long.MinValue || _time.GetTimestamp() >= next)))
        {
            endpoint = null;
            return false;
        }

        endpoint = affinity == 0 ? rotation[Advance()] : PreferredPick.Of(this, rotation, affinity, default(AnyEndpoint))!;
        return true;
    }

    /// <summary>The call's preferred endpoint, or the next in turn, among those that it may go to; else one of a worse priority.</summary>
    public Endpoint? Take(in PickFilter filter) =>
        (filter.Request.Affinity != 0 ? PreferredPick.Of(this, Rotation, filter.Request.Affinity, filter) : InTurn(filter)) ?? SpilledPick.Of(this, filter);

    /// <summary>The next endpoint that suits, for use outside of a call: of the rotation, else of all.</summary>
    public Endpoint? Peek(Func<Endpoint, bool> suits)
    {
        uint turn = Advance();
        Rotation rotation = Rotation;
        for (uint i = 0; i < (uint)rotation.Count; i++)
        {
            if (suits(rotation[turn + i]))
            {
                return rotation[turn + i];
            }
        }

        for (uint i = 0; i < (uint)Endpoints.Length; i++)
        {
            Endpoint endpoint = Endpoints[(turn + i) % (uint)Endpoints.Length];
            if (suits(endpoint))
            {
                return endpoint;
            }
        }

        return null;
    }

    /// <summary>Whether the call may go to any endpoint of the rotation.</summary>
    public bool HasAny(in PickFilter filter)
    {
        foreach (Endpoint endpoint in Rotation.Slots)
        {
            if (filter.Allows(endpoint))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Takes its place in the pool's members. Under the balancer's lock, before a call can use it.</summary>
    public void Join(NextSettlement settlement, int place) => (_settlement, Place) = (settlement, place);

    /// <summary>Applies the endpoints of a new configuration, or the same with other weights.</summary>
    public void Become(Endpoint[] endpoints, bool hasHomes)
    {
        _hasChanged = true;
        NeedsLock = null;
        CountsTokens = Array.Exists(endpoints, static endpoint => endpoint.Capacity.CountsTokens);
        if (hasHomes != (_homes is not null) || !endpoints.SequenceEqual(_endpoints))
        {
            _homes = hasHomes ? new(endpoints, _homes) : null;
            _stallTest = new(endpoints.Length);
            _outliers = null;
            _lagging.IntersectWith(endpoints);
            _endpoints = endpoints;
        }
    }

    /// <summary>Finds the lagging endpoints.</summary>
    /// <returns>Whether the set has changed.</returns>
    public bool FindLagging()
    {
        if (!HasAlternatives && _lagging.Count == 0)
        {
            return false;
        }

        if (_outliers is null)
        {
            (_outliers, _responseTimes) = (new(Endpoints.Length), Array.ConvertAll(Endpoints, static endpoint => endpoint.ResponseTimes));
        }

        IReadOnlyList<bool> lagging = _outliers.Look(_responseTimes);
        bool changed = false;
        for (int i = 0; i < lagging.Count; i++)
        {
            changed |= lagging[i] ? _lagging.Add(Endpoints[i]) : _lagging.Remove(Endpoints[i]);
        }

        _hasChanged |= changed;
        return changed;
    }

    /// <summary>Builds the candidates and the rotation from the endpoints' states, if any has changed.</summary>
    public void Rebuild()
    {
        uint version = 0;
        foreach (Endpoint endpoint in Endpoints)
        {
            version = unchecked(version + endpoint.Version);
        }

        if (version != _builtFor || _hasChanged)
        {
            _builtFor = version;
            Build();
        }
    }

    /// <summary>Short, so that the compiler makes no call of it: each pick of each call looks here.</summary>
    private void EnsureListed()
    {
        if (Volatile.Read(ref _isListed) == 0)
        {
            List();
        }
    }

    private void List()
    {
        if (Interlocked.Exchange(ref _isListed, 1) == 0)
        {
            _calls.List(this);
        }
    }

    private void Build()
    {
        Visits.Add();
        Priority = int.MaxValue;
        foreach (Endpoint endpoint in Endpoints)
        {
            Priority = endpoint.Health.IsHealthy ? Math.Min(Priority, endpoint.Priority) : Priority;
        }

        Candidates.Clear();
        List<Endpoint> available = [];
        foreach (Endpoint endpoint in Endpoints)
        {
            if (endpoint.Health.IsAvailable && endpoint.Priority == Priority)
            {
                available.Add(endpoint);
            }
            else if (endpoint.Health.State is EndpointState.Probing or EndpointState.Recovering && endpoint.Priority <= Priority)
            {
                Candidates.Add(endpoint);
            }
        }

        // Endpoints near their limit take no turns, unless all of them are near it.
        if (available.Exists(static endpoint => endpoint.Hints.IsNear) && !available.TrueForAll(static endpoint => endpoint.Hints.IsNear))
        {
            available.RemoveAll(static endpoint => endpoint.Hints.IsNear);
        }

        Candidates.Sort(static (left, right) => left.Priority.CompareTo(right.Priority));
        if (_hasChanged || !available.SequenceEqual(_rotating))
        {
            _rotating = available;
            _hasChanged = false;
            List<Endpoint> lagging = available.FindAll(_lagging.Contains);
            Rotation next = lagging.Count == 0 || lagging.Count == available.Count ? Rotation.Of(available) : Rotation.Of([.. available.Except(lagging)], lagging);
            uint turns = Turns;
            Volatile.Write(ref _rotation, _rotation.Count == 0 ? next : next.ContinuedAfter(_rotation[turns], turns, Endpoints));
        }
    }

    private Endpoint? InTurn(in PickFilter filter)
    {
        Rotation rotation = Rotation;
        // The cursor advances only if an endpoint is found.
        uint turn = unchecked(Turns + 1);
        uint passedOver = 0;
        for (uint i = 0; i < (uint)rotation.Count; i++)
        {
            Endpoint endpoint = rotation[turn + i];
            if (filter.Allows(endpoint))
            {
                // Past the endpoints that were passed over as well: otherwise this endpoint would get their turns too.
                Interlocked.Add(ref _cursor, passedOver + 1);
                EnsureListed();
                return endpoint;
            }

            passedOver += endpoint.HasRoom(filter.Now) ? 0u : 1u;
        }

        return null;
    }
}
