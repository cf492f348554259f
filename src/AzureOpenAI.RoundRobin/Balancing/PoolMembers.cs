using System.Collections.Frozen;
using System.Numerics;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// What a pool consists of by its present configuration: its endpoints, and the groups that answer each model. Immutable; a new configuration makes a new one,
/// out of the same endpoints and groups where they are still there.
/// </summary>
internal sealed class PoolMembers
{
    /// <summary>So many answers of one endpoint lie between two looks for silence, at least.</summary>
    private const int LeastBetweenLooks = 4;

    /// <summary>And so many between two comparisons of their speed, which change more slowly and cost more.</summary>
    private const int LeastBetweenComparisons = 16;

    /// <summary>The same where an answer was there at once: such ones have no speed to compare.</summary>
    private const int LeastBetweenComparisonsAtOnce = 1024;

    private readonly uint _begunBefore;

    /// <param name="endpoints">All of them, in the order of the configuration.</param>
    /// <param name="resources">The resources below them.</param>
    /// <param name="byPicker">The endpoints of each picker.</param>
    /// <param name="before">What this takes the place of.</param>
    public PoolMembers(
        IReadOnlyDictionary<Endpoint, EndpointSetup> endpoints, IReadOnlyList<PooledResource> resources, IReadOnlyDictionary<Picker, Endpoint[]> byPicker, PoolMembers? before)
    {
        Endpoints = [.. endpoints.Keys];
        Setups = endpoints;
        Resources = resources;
        ByPicker = byPicker;
        Pickers = [.. byPicker.Keys];
        HealthStates = [.. Endpoints.SelectMany(static endpoint => new[] { endpoint.Health.Deployment, endpoint.Health.Resource }).Distinct()];
        ObserveEvery = BitOperations.RoundUpToPowerOf2((uint)Math.Max(LeastBetweenLooks, 2 * Endpoints.Length)) - 1L;
        CompareEvery = Math.Max(LeastBetweenComparisons - 1L, ObserveEvery);
        CompareSynchronousEvery = Math.Max(LeastBetweenComparisonsAtOnce - 1L, ObserveEvery);
        _begunBefore = before is null ? 0 : unchecked(before.CallsBegun() - CallsBegun());
    }

    public Endpoint[] Endpoints { get; }

    /// <summary>How each endpoint is asked; valid for those that were there before from the moment that the dispatcher takes the members.</summary>
    public IReadOnlyDictionary<Endpoint, EndpointSetup> Setups { get; }

    public IReadOnlyList<PooledResource> Resources { get; }

    /// <summary>Which endpoints make up each group, from the same moment on.</summary>
    public IReadOnlyDictionary<Picker, Endpoint[]> ByPicker { get; }

    /// <summary>All pickers, in the order in which their queues are released: those of a single endpoint first, since their calls have nowhere else to go.</summary>
    public Picker[] Pickers { get; }

    public HealthState[] HealthStates { get; }

    /// <summary>For calls that name no model, or one that nobody maps.</summary>
    public required Picker Default { get; init; }

    public required FrozenDictionary<string, Picker> ByModel { get; init; }

    /// <summary>For calls of a conversation that one ready-made client keeps: that one, with a line of its own.</summary>
    public required FrozenDictionary<Endpoint, Picker> ByOwner { get; init; }

    /// <summary>Who made which conversation; null where no client keeps any.</summary>
    public ConversationOwners? Conversations { get; init; }

    public bool HasHomes { get; init; }

    /// <summary>Less one, so that it is a mask.</summary>
    public long ObserveEvery { get; }

    /// <inheritdoc cref="ObserveEvery"/>
    public long CompareEvery { get; }

    /// <inheritdoc cref="ObserveEvery"/>
    public long CompareSynchronousEvery { get; }

    /// <summary>How many calls have begun, those before this configuration among them; wraps.</summary>
    public uint CallsBegun()
    {
        uint turns = _begunBefore;
        foreach (Picker picker in Pickers)
        {
            turns = unchecked(turns + picker.Begun);
        }

        return turns;
    }

    /// <summary>Whether any call is queued.</summary>
    public bool HasQueues => Array.Exists(Pickers, static picker => picker.Queue.Length > 0);

    /// <summary>Whether calls are queued that the endpoint could answer.</summary>
    public bool IsAwaited(Endpoint endpoint) => Array.Exists(Pickers, picker => picker.Queue.Length > 0 && picker.Endpoints.Contains(endpoint));

    /// <summary>Whether calls are queued that one of the resource's endpoints could answer.</summary>
    public bool IsAwaited(Resource resource) => Array.Exists(Endpoints, endpoint => endpoint.Resource == resource && IsAwaited(endpoint));

    /// <summary>Whether it is the only endpoint of every model that it answers.</summary>
    public bool IsAlone(Endpoint endpoint) => Array.TrueForAll(Pickers, picker => picker.Endpoints.Length == 1 || !picker.Endpoints.Contains(endpoint));

    /// <summary>Whether no other endpoint is available for any model that it answers.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="besidesItsResource">Whether other deployments of its resource are left aside, since they fail with it.</param>
    public bool IsLastAvailable(Endpoint endpoint, bool besidesItsResource) => Array.TrueForAll(Pickers, picker =>
        !picker.Endpoints.Contains(endpoint)
        || Array.TrueForAll(picker.Endpoints, other => other == endpoint || (besidesItsResource && other.Resource == endpoint.Resource) || !other.Health.IsAvailable));

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

    /// <summary>Takes the endpoints' states into all rotations.</summary>
    public void Rebuild()
    {
        foreach (Picker picker in Pickers)
        {
            picker.Rebuild();
        }
    }

    /// <summary>Gives each endpoint its setup and each picker its endpoints. Under the balancer's lock.</summary>
    public void Apply()
    {
        foreach ((Endpoint endpoint, EndpointSetup setup) in Setups)
        {
            endpoint.Become(setup);
        }

        foreach ((Picker picker, Endpoint[] endpoints) in ByPicker)
        {
            picker.Become(endpoints, HasHomes && picker != ByOwner.GetValueOrDefault(endpoints[0]));
        }
    }
}

/// <summary>The difference between two configurations of a pool.</summary>
internal sealed class MembersChange
{
    public required Endpoint[] Left { get; init; }

    public required Endpoint[] Joined { get; init; }

    /// <summary>Endpoints that are asked in another way or as often as before no more: key, weight, limits.</summary>
    public required Endpoint[] Changed { get; init; }

    /// <summary>Of those the ones with another key or api-version.</summary>
    public required Endpoint[] Reconfigured { get; init; }

    public required Picker[] LeftPickers { get; init; }
}
