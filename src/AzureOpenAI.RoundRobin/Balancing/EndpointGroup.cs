using AzureOpenAI.RoundRobin.Balancing.Affinity;
using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// The endpoints that can answer one model: whose turn it is, and who waits for them.
/// </summary>
/// <remarks>
/// <see cref="Rotation"/> and <see cref="NextEvent"/> are read by every call without a lock. A call that reads them while the dispatcher swaps
/// them acts on a fitness that was true a moment ago, which the attempt itself finds out. The same holds for what a new configuration swaps.
/// </remarks>
internal sealed class EndpointGroup
{
    private readonly HashSet<Endpoint> _slow = [];
    private volatile Endpoint[] _endpoints = [];
    private volatile ConversationHomes? _homes;
    private volatile bool _hasTokenLimits;
    private volatile SilenceWatch _silence = new(0);
    private Rotation _rotation = Rotation.Empty;
    private long _nextEvent = long.MinValue;
    private SlownessWatch _slowness = new(0);
    private Vitals[] _vitals = [];
    private uint _cursor;
    private uint _preferred;
    private uint _spilled;
    private List<Endpoint> _members = [];
    private bool _hasChanged;

    public EndpointGroup(TimeProvider time, uint start)
    {
        _cursor = start;
        Line = new(time);
    }

    /// <summary>None where the configuration has none any more for the group's model.</summary>
    public Endpoint[] Endpoints => _endpoints;

    /// <summary>False where a call has nowhere else to go.</summary>
    public bool HasAlternatives => _endpoints.Length > 1;

    /// <summary>What a call costs in tokens matters here.</summary>
    public bool HasTokenLimits => _hasTokenLimits;

    /// <summary>Where conversations are at home; null without affinity.</summary>
    public ConversationHomes? Homes => _homes;

    public SilenceWatch Silence => _silence;

    /// <summary>Under the dispatcher's lock.</summary>
    public Line Line { get; }

    /// <summary>Half-open endpoints that are offered a call before the rotation is asked. Under the dispatcher's lock.</summary>
    public List<Endpoint> Offers { get; } = [];

    /// <summary>The priority of the rotation; int.MaxValue where it is empty. Under the dispatcher's lock.</summary>
    public int Tier { get; private set; } = int.MaxValue;

    public Rotation Rotation => Volatile.Read(ref _rotation);

    /// <summary>The timestamp from which a call must look under the lock before it picks; long.MaxValue while nothing is due.</summary>
    public long NextEvent
    {
        get => Volatile.Read(ref _nextEvent);
        set => Volatile.Write(ref _nextEvent, value);
    }

    /// <summary>How many turns were taken; wraps.</summary>
    public uint Turns => Volatile.Read(ref _cursor);

    /// <summary>How many calls went where they prefer, and took no turn: those that do take turns stay even among themselves. Wraps.</summary>
    public uint Preferred => Volatile.Read(ref _preferred);

    /// <summary>How many calls began, in turn or where they prefer; wraps.</summary>
    public uint Begun => unchecked(Turns + Preferred);

    public void CountPreferred() => Interlocked.Increment(ref _preferred);

    /// <summary>Under the dispatcher's lock: counts the calls that a worse tier took over.</summary>
    public uint NextSpill() => _spilled++;

    public uint NextTicket() => Interlocked.Increment(ref _cursor);

    /// <summary>Takes a turn, and those before it that were passed over: else whoever stands next would have them all.</summary>
    public void TakeTurn(uint passedOver) => Interlocked.Add(ref _cursor, passedOver + 1);

    /// <summary>Under the dispatcher's lock: takes other endpoints, or the same with other weights.</summary>
    public void Become(Endpoint[] endpoints, bool hasHomes)
    {
        _hasChanged = true;
        _hasTokenLimits = Array.Exists(endpoints, static endpoint => endpoint.Capacity.HasTokenLimit);
        if (hasHomes != (_homes is not null) || !endpoints.SequenceEqual(_endpoints))
        {
            _homes = hasHomes ? new(endpoints, _homes) : null;
            _silence = new(endpoints.Length);
            _slowness = new(endpoints.Length);
            _vitals = [.. endpoints.Select(endpoint => endpoint.Vitals)];
            _slow.IntersectWith(endpoints);
            _endpoints = endpoints;
        }
    }

    /// <summary>Under the dispatcher's lock: finds who is far slower than the others.</summary>
    /// <returns>Whether that has changed.</returns>
    public bool FindSlow()
    {
        IReadOnlyList<bool> slow = _slowness.Look(_vitals);
        bool changed = false;
        for (int i = 0; i < slow.Count; i++)
        {
            changed |= slow[i] ? _slow.Add(Endpoints[i]) : _slow.Remove(Endpoints[i]);
        }

        _hasChanged |= changed;
        return changed;
    }

    /// <summary>Under the dispatcher's lock: takes the endpoints' conditions into a new rotation.</summary>
    public void Rebuild()
    {
        Tier = int.MaxValue;
        foreach (Endpoint endpoint in Endpoints)
        {
            Tier = endpoint.IsFit ? Math.Min(Tier, endpoint.Priority) : Tier;
        }

        Offers.Clear();
        List<Endpoint> open = [];
        foreach (Endpoint endpoint in Endpoints)
        {
            if (endpoint.IsOpen && endpoint.Priority == Tier)
            {
                open.Add(endpoint);
            }
            else if (endpoint.Condition is Condition.Probing or Condition.Returning && endpoint.Priority <= Tier)
            {
                Offers.Add(endpoint);
            }
        }

        // One that is near its limit has its turns back when all of them are.
        if (open.Exists(static endpoint => endpoint.Hints.IsNear) && !open.TrueForAll(static endpoint => endpoint.Hints.IsNear))
        {
            open.RemoveAll(static endpoint => endpoint.Hints.IsNear);
        }

        Offers.Sort(static (left, right) => left.Priority.CompareTo(right.Priority));
        if (_hasChanged || !open.SequenceEqual(_members))
        {
            _members = open;
            _hasChanged = false;
            List<Endpoint> slow = open.FindAll(_slow.Contains);
            Rotation next = slow.Count == open.Count ? Rotation.Of(open) : Rotation.Of([.. open.Except(slow)], slow);
            uint turns = Turns;
            Volatile.Write(ref _rotation, _rotation.Count == 0 ? next : next.ContinuedAfter(_rotation[turns], turns, Endpoints));
        }
    }
}
