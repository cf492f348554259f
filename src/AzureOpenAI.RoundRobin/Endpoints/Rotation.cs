namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>
/// The fit endpoints of the best priority that has any, in smooth weighted order. Immutable: a change of fitness makes a new one.
/// </summary>
internal sealed class Rotation
{
    /// <summary>Weights are scaled down rather than take more slots than this.</summary>
    public const int MaxSlots = 4096;

    public static readonly Rotation Empty = new([], []);

    private readonly Endpoint[] _slots;
    private readonly Endpoint[] _members;

    private Rotation(Endpoint[] slots, Endpoint[] members) => (_slots, _members) = (slots, members);

    public ReadOnlySpan<Endpoint> Slots => _slots;

    /// <summary>Those that have any turns, each once, in the order of the configuration.</summary>
    public ReadOnlySpan<Endpoint> Members => _members;

    public int Count => _slots.Length;

    /// <summary>The endpoint whose turn the ticket is. Unsigned, so the wrap of the cursor costs one uneven turn in four billion and no negative index.</summary>
    public Endpoint this[uint ticket] => _slots[ticket % (uint)_slots.Length];

    public static Rotation Of(IReadOnlyList<Endpoint> endpoints)
    {
        if (endpoints.Count == 0)
        {
            return Empty;
        }

        int[] weights = Reduce([.. endpoints.Select(endpoint => endpoint.Weight)]);
        Endpoint[] members = [.. endpoints];
        return new(weights.All(weight => weight == 1) ? members : Spread(endpoints, weights), members);
    }

    private static int[] Reduce(int[] weights)
    {
        int divisor = weights.Aggregate(GreatestCommonDivisor);
        int[] reduced = [.. weights.Select(weight => weight / divisor)];
        long sum = reduced.Sum(weight => (long)weight);
        return sum <= MaxSlots
            ? reduced
            : [.. reduced.Select(weight => Math.Max(1, (int)(weight * (long)Math.Max(1, MaxSlots - reduced.Length) / sum)))];
    }

    private static int GreatestCommonDivisor(int left, int right) => right == 0 ? left : GreatestCommonDivisor(right, left % right);

    /// <summary>
    /// Smooth weighted order: each turn every endpoint gains its weight and the richest pays the total, so 5, 1, 1 gives a a b a c a a.
    /// </summary>
    private static Endpoint[] Spread(IReadOnlyList<Endpoint> endpoints, int[] weights)
    {
        int total = weights.Sum();
        int[] credit = new int[weights.Length];
        Endpoint[] slots = new Endpoint[total];
        for (int slot = 0; slot < total; slot++)
        {
            int richest = 0;
            for (int i = 0; i < credit.Length; i++)
            {
                credit[i] += weights[i];
                richest = credit[i] > credit[richest] ? i : richest;
            }

            credit[richest] -= total;
            slots[slot] = endpoints[richest];
        }

        return slots;
    }
}
