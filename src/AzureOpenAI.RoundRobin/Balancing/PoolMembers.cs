using System.Collections.Frozen;
using System.Numerics;
using AzureOpenAI.RoundRobin.Endpoints;

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
    /// <param name="byGroup">The endpoints of each group.</param>
    /// <param name="before">What this takes the place of.</param>
    public PoolMembers(
        IReadOnlyDictionary<Endpoint, EndpointSetup> endpoints, IReadOnlyList<PooledResource> resources, IReadOnlyDictionary<EndpointGroup, Endpoint[]> byGroup, PoolMembers? before)
    {
        Endpoints = [.. endpoints.Keys];
        Setups = endpoints;
        Resources = resources;
        ByGroup = byGroup;
        Groups = [.. byGroup.Keys];
        Healths = [.. Endpoints.SelectMany(static endpoint => new[] { endpoint.Health, endpoint.Resource.Health }).Distinct()];
        ObserveEvery = BitOperations.RoundUpToPowerOf2((uint)Math.Max(LeastBetweenLooks, 2 * Endpoints.Length)) - 1L;
        CompareEvery = Math.Max(LeastBetweenComparisons - 1L, ObserveEvery);
        CompareAtOnceEvery = Math.Max(LeastBetweenComparisonsAtOnce - 1L, ObserveEvery);
        _begunBefore = before is null ? 0 : unchecked(before.CallsBegun() - CallsBegun());
    }

    public Endpoint[] Endpoints { get; }

    /// <summary>How each endpoint is asked; valid for those that were there before from the moment that the dispatcher takes the members.</summary>
    public IReadOnlyDictionary<Endpoint, EndpointSetup> Setups { get; }

    public IReadOnlyList<PooledResource> Resources { get; }

    /// <summary>Which endpoints make up each group, from the same moment on.</summary>
    public IReadOnlyDictionary<EndpointGroup, Endpoint[]> ByGroup { get; }

    /// <summary>Whoever can go to one endpoint only comes first in line there; the others' lines move on elsewhere meanwhile.</summary>
    public EndpointGroup[] Groups { get; }

    public Health[] Healths { get; }

    /// <summary>For calls that name no model, or one that nobody maps.</summary>
    public required EndpointGroup Default { get; init; }

    public required FrozenDictionary<string, EndpointGroup> ByModel { get; init; }

    /// <summary>For calls of a conversation that one ready-made client keeps: that one, with a line of its own.</summary>
    public required FrozenDictionary<Endpoint, EndpointGroup> Alone { get; init; }

    /// <summary>Who made which conversation; null where no client keeps any.</summary>
    public ConversationMakers? Conversations { get; init; }

    public bool HasHomes { get; init; }

    /// <summary>Less one, so that it is a mask.</summary>
    public long ObserveEvery { get; }

    /// <inheritdoc cref="ObserveEvery"/>
    public long CompareEvery { get; }

    /// <inheritdoc cref="ObserveEvery"/>
    public long CompareAtOnceEvery { get; }

    /// <summary>How many calls have begun, those before this configuration among them; wraps.</summary>
    public uint CallsBegun()
    {
        uint turns = _begunBefore;
        foreach (EndpointGroup group in Groups)
        {
            turns = unchecked(turns + group.Begun);
        }

        return turns;
    }
}
