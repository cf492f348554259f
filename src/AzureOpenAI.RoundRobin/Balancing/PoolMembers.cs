using System.Collections.Frozen;
using System.Numerics;
using System.Runtime.InteropServices;
using AzureOpenAI.RoundRobin.Balancing.Affinity;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// The endpoints of a pool by its present configuration, and the picker of each model. Immutable; a new configuration makes a new one, with the same endpoints and
/// pickers where they are still there.
/// </summary>
internal sealed class PoolMembers
{
    /// <summary>Minimum answers of one endpoint between two stall checks; a power of two.</summary>
    private const int LeastBetweenLooks = 4;

    /// <summary>Minimum answers of one endpoint between two latency comparisons; a power of two. Latencies change more slowly than stalls, and cost more to compare.</summary>
    private const int LeastBetweenComparisons = 16;

    /// <summary>The same for answers that completed synchronously: they have no latency to compare.</summary>
    private const int LeastBetweenComparisonsAtOnce = 1024;

    private readonly Dictionary<Endpoint, Picker[]> _pickersOf;
    private readonly Dictionary<HealthState, Endpoint[]> _endpointsOf;

    /// <param name="endpoints">All of them, in the order of the configuration.</param>
    /// <param name="resources">Their resources.</param>
    /// <param name="byPicker">The endpoints of each picker.</param>
    /// <param name="calls">The pool's count of its calls.</param>
    public PoolMembers(
        IReadOnlyDictionary<Endpoint, EndpointSetup> endpoints, IReadOnlyList<PooledResource> resources, IReadOnlyDictionary<Picker, Endpoint[]> byPicker, CallCount calls)
    {
        Endpoints = [.. endpoints.Keys];
        Setups = endpoints;
        Resources = resources;
        ByPicker = byPicker;
        Pickers = [.. byPicker.Keys];
        Calls = calls;
        Dictionary<Endpoint, List<Picker>> pickersOf = [];
        foreach ((Picker picker, Endpoint[] answering) in byPicker)
        {
            Array.ForEach(answering, endpoint => Add(pickersOf, endpoint, picker));
        }

        Dictionary<HealthState, List<Endpoint>> endpointsOf = [];
        foreach (Endpoint endpoint in Endpoints)
        {
            Add(endpointsOf, endpoint.Health.Deployment, endpoint);
            Add(endpointsOf, endpoint.Health.Resource, endpoint);
        }

        _pickersOf = Closed(pickersOf);
        _endpointsOf = Closed(endpointsOf);
        HealthStates = [.. _endpointsOf.Keys];
        ObserveEvery = BitOperations.RoundUpToPowerOf2((uint)Math.Max(LeastBetweenLooks, 2 * Endpoints.Length)) - 1L;
        CompareEvery = Math.Max(LeastBetweenComparisons - 1L, ObserveEvery);
        CompareSynchronousEvery = Math.Max(LeastBetweenComparisonsAtOnce - 1L, ObserveEvery);
    }

    public Endpoint[] Endpoints { get; }

    /// <summary>How each endpoint is asked. For endpoints that were there before it holds from <see cref="Apply"/> on.</summary>
    public IReadOnlyDictionary<Endpoint, EndpointSetup> Setups { get; }

    public IReadOnlyList<PooledResource> Resources { get; }

    /// <summary>The endpoints of each picker; they hold from <see cref="Apply"/> on.</summary>
    public IReadOnlyDictionary<Picker, Endpoint[]> ByPicker { get; }

    /// <summary>All pickers, in the order in which their queues are released: those with a single endpoint first.</summary>
    public Picker[] Pickers { get; }

    public HealthState[] HealthStates { get; }

    /// <summary>For calls that name no model, or one that no endpoint maps.</summary>
    public required Picker Default { get; init; }

    public required FrozenDictionary<string, Picker> ByModel { get; init; }

    /// <summary>For calls of a conversation that one endpoint keeps: a picker of that endpoint alone.</summary>
    public required FrozenDictionary<Endpoint, Picker> ByOwner { get; init; }

    /// <summary>The pickers of the service tiers that calls have asked for, besides the standard one.</summary>
    public IReadOnlyDictionary<string, TierPickers> Tiers { get; init; } = FrozenDictionary<string, TierPickers>.Empty;

    /// <summary>The pickers of calls that ask for no tier.</summary>
    public TierPickers Standard => new(Default, ByModel, ByOwner);

    /// <summary>The ready-made client that owns each conversation; null where no client keeps any.</summary>
    public ConversationOwners? Conversations { get; init; }

    public bool HasHomes { get; init; }

    /// <summary>A power of two less one: a mask for counts of answers.</summary>
    public long ObserveEvery { get; }

    /// <inheritdoc cref="ObserveEvery"/>
    public long CompareEvery { get; }

    /// <inheritdoc cref="ObserveEvery"/>
    public long CompareSynchronousEvery { get; }

    /// <summary>The count that outlives each configuration.</summary>
    public CallCount Calls { get; }

    /// <summary>The number of calls that have begun, including those before this configuration; wraps.</summary>
    public uint CallsBegun() => Calls.Of(Pickers);

    /// <summary>Whether calls are queued that the endpoint could answer.</summary>
    public bool IsAwaited(Endpoint endpoint) => Array.Exists(PickersOf(endpoint), static picker => picker.Queue.Length > 0);

    /// <summary>Whether calls are queued that could go to an endpoint of this state.</summary>
    public bool IsAwaited(HealthState health) => Array.Exists(EndpointsOf(health), IsAwaited);

    /// <summary>Whether it is the only endpoint of every model that it answers.</summary>
    public bool IsAlone(Endpoint endpoint) => Array.TrueForAll(PickersOf(endpoint), static picker => picker.Endpoints.Length == 1);

    /// <summary>Whether no other endpoint is available for any model that it answers.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="besidesItsResource">Whether to ignore other deployments of its resource, since they fail with it.</param>
    public bool IsLastAvailable(Endpoint endpoint, bool besidesItsResource) => Array.TrueForAll(PickersOf(endpoint), picker =>
        Array.TrueForAll(picker.Endpoints, other => other == endpoint || (besidesItsResource && other.Resource == endpoint.Resource) || !other.Health.IsAvailable));

    /// <summary>
    /// Whether each model that any of these endpoints answers has another endpoint that is available. The pickers of the conversations that one endpoint keeps do not count: they
    /// never have another.
    /// </summary>
    public bool CanSpare(Endpoint[] endpoints) => Array.TrueForAll(endpoints, endpoint => Array.TrueForAll(PickersOf(endpoint), picker =>
        IsOfOwner(picker, endpoint) || Array.Exists(picker.Endpoints, other => other.Health.IsAvailable && !endpoints.Contains(other))));

    /// <summary>Whether what the outcome speaks of has proved right before: the key of a resource by any of its deployments, a deployment by itself.</summary>
    public bool HasAnswered(Endpoint endpoint, OutcomeKind kind) => endpoint.HasAnswered
        || (kind == OutcomeKind.CredentialRefused && Array.Exists(Endpoints, other => other.Resource == endpoint.Resource && other.HasAnswered));

    /// <summary>What is different in these members from those before.</summary>
    public MembersChange Since(PoolMembers before)
    {
        Endpoint[] changed = [.. Endpoints.Where(endpoint => endpoint.Setup != Setups[endpoint])];
        return new()
        {
            Left = [.. before.Endpoints.Except(Endpoints)],
            Joined = [.. Endpoints.Except(before.Endpoints)],
            Changed = changed,
            Reconfigured = Array.FindAll(changed, endpoint => endpoint.Client != Setups[endpoint].Client),
            LeftPickers = [.. before.Pickers.Except(Pickers)],
        };
    }

    /// <summary>Gives each endpoint its setup and each picker its endpoints. Under the balancer's lock.</summary>
    public void Apply()
    {
        foreach ((Endpoint endpoint, EndpointSetup setup) in Setups)
        {
            endpoint.Become(setup);
            if (HasHomes)
            {
                endpoint.Seed = RendezvousOrder.SeedOf(setup.EntryName, endpoint.DeploymentName);
            }
        }

        foreach ((Picker picker, Endpoint[] endpoints) in ByPicker)
        {
            picker.Become(endpoints, HasHomes && !IsOfOwner(picker, endpoints[0]));
        }
    }

    /// <summary>The endpoints whose state it is: that of a deployment, or of a resource. None for one that has left.</summary>
    public Endpoint[] EndpointsOf(HealthState health) => _endpointsOf.GetValueOrDefault(health, []);

    /// <summary>The pickers of the models that it answers; none for one that has left.</summary>
    public Picker[] PickersOf(Endpoint endpoint)
    {
        Picker[] pickers = _pickersOf.GetValueOrDefault(endpoint, []);
        Visits.Add(pickers.Length);
        return pickers;
    }

    private bool IsOfOwner(Picker picker, Endpoint endpoint) =>
        picker == ByOwner.GetValueOrDefault(endpoint) || Tiers.Values.Any(tier => picker == tier.ByOwner.GetValueOrDefault(endpoint));

    /// <summary>An endpoint may answer a model under several names: it is there once.</summary>
    private static void Add<TKey, TItem>(Dictionary<TKey, List<TItem>> groups, TKey key, TItem item)
        where TKey : class
        where TItem : class
    {
        ref List<TItem>? group = ref CollectionsMarshal.GetValueRefOrAddDefault(groups, key, out _);
        group ??= [];
        if (group.Count == 0 || group[^1] != item)
        {
            group.Add(item);
        }
    }

    private static Dictionary<TKey, TItem[]> Closed<TKey, TItem>(Dictionary<TKey, List<TItem>> groups)
        where TKey : class
    {
        Dictionary<TKey, TItem[]> closed = new(groups.Count);
        foreach ((TKey key, List<TItem> items) in groups)
        {
            closed.Add(key, [.. items]);
        }

        return closed;
    }
}

/// <summary>The difference between two configurations of a pool.</summary>
internal sealed class MembersChange
{
    public required Endpoint[] Left { get; init; }

    public required Endpoint[] Joined { get; init; }

    /// <summary>Endpoints with another setup: key, weight, limits.</summary>
    public required Endpoint[] Changed { get; init; }

    /// <summary>Endpoints among <see cref="Changed"/> with another key or api-version.</summary>
    public required Endpoint[] Reconfigured { get; init; }

    public required Picker[] LeftPickers { get; init; }
}
