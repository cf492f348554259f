using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// The available endpoints of the best priority that has a healthy one, in smooth weighted order. Immutable: a change of their states makes a new one.
/// </summary>
internal sealed class Rotation
{
    /// <summary>Weights are scaled down to take at most this many slots.</summary>
    public const int MaxSlots = 4096;

    /// <summary>A lagging endpoint has one turn in about this many.</summary>
    public const int LaggingEvery = 32;

    /// <summary>So many are looked at one after the other.</summary>
    private const int Few = 8;

    public static readonly Rotation Empty = new([], [], []);

    private readonly Endpoint[] _slots;
    private readonly Endpoint[] _members;
    private readonly Endpoint[] _slow;
    private readonly uint _offset;
    private readonly ulong _reciprocal;
    private HashSet<Endpoint>? _set;

    private Rotation(Endpoint[] slots, Endpoint[] members, Endpoint[] slow, uint offset = 0)
    {
        (_slots, _members, _slow, _offset) = (slots, members, slow, offset);
        foreach (Endpoint member in members)
        {
            Weight += member.Weight;
        }

        _reciprocal = slots.Length == 0 ? 0 : (ulong.MaxValue / (uint)slots.Length) + 1;
    }

    public ReadOnlySpan<Endpoint> Slots => _slots;

    /// <summary>The endpoints with their full share of turns, each once, in the order of the configuration.</summary>
    public ReadOnlySpan<Endpoint> Members => _members;

    /// <summary>The sum of their weights.</summary>
    public long Weight { get; }

    /// <summary>The endpoints with one turn in about <see cref="LaggingEvery"/>.</summary>
    public ReadOnlySpan<Endpoint> Lagging => _slow;

    public int Count => _slots.Length;

    /// <summary>The endpoint at a position of the cursor. The position is unsigned: its wrap makes one turn in 4 billion uneven, and no index negative.</summary>
    public Endpoint this[uint ticket] => _slots[Remainder(unchecked(ticket + _offset))];

    /// <summary>Whether the endpoint is one of <see cref="Members"/>. Of many they are put into a set at the first question.</summary>
    public bool Has(Endpoint endpoint) => _members.Length <= Few ? _members.Contains(endpoint) : (_set ??= [.. _members]).Contains(endpoint);

    public static Rotation Of(IReadOnlyList<Endpoint> endpoints)
    {
        if (endpoints.Count == 0)
        {
            return Empty;
        }

        Endpoint[] members = [.. endpoints];
        return new(HasOneWeight(members) ? members : Spread(endpoints, Reduce(Array.ConvertAll(members, static endpoint => endpoint.Weight))), members, []);
    }

    /// <summary>The same with one turn in about 32 for each lagging endpoint; its answers show when it is no longer lagging.</summary>
    public static Rotation Of(IReadOnlyList<Endpoint> endpoints, IReadOnlyList<Endpoint> slow)
    {
        Rotation even = Of(endpoints);
        if (slow.Count == 0)
        {
            return even;
        }

        int rounds = (LaggingEvery + even.Count - 2) / even.Count;
        int turns = rounds * even.Count;
        int each = turns / (LaggingEvery - 1);
        int spacing = Math.Max(1, turns / (each * slow.Count));
        List<Endpoint> slots = new(turns + (each * slow.Count));
        for (int turn = 0, inserted = 0; turn < turns; turn++)
        {
            slots.Add(even._slots[turn % even.Count]);
            if ((turn + 1) % spacing == 0 && inserted < each * slow.Count)
            {
                slots.Add(slow[inserted++ % slow.Count]);
            }
        }

        return new([.. slots], even._members, [.. slow]);
    }

    /// <summary>
    /// The same slots, shifted so that the next turn goes to the endpoint after the one that had the last turn. Without the shift each swap would give one endpoint two
    /// turns in a row and pass over another.
    /// </summary>
    /// <param name="last">The endpoint that had the last turn.</param>
    /// <param name="ticket">The cursor at that turn.</param>
    /// <param name="order">All endpoints of the picker, in order.</param>
    public Rotation ContinuedAfter(Endpoint last, uint ticket, Endpoint[] order)
    {
        int place = Array.IndexOf(order, last);
        for (int i = 1; i <= order.Length; i++)
        {
            Visits.Add();
            Endpoint next = order[(place + i) % order.Length];
            if ((Has(next) || _slow.Contains(next)) && Array.IndexOf(_slots, next) is var slot)
            {
                uint count = (uint)_slots.Length;
                return new(_slots, _members, _slow, ((uint)slot + count - (unchecked(ticket + 1) % count)) % count);
            }
        }

        return this;
    }

    /// <summary>
    /// The remainder of a division by the number of slots, in two multiplications. Exact for every 32-bit number and divisors below 2^31: Lemire, Kaser, Kurz, "Faster
    /// remainder by direct computation", 2019. The 1 that is added makes up for the lower half of the product, which is cut off.
    /// </summary>
    private uint Remainder(uint number) => (uint)((((unchecked(_reciprocal * number) >> 32) + 1) * (uint)_slots.Length) >> 32);

    /// <summary>As most pools have: nothing is reckoned for them when an endpoint leaves the rotation or comes back.</summary>
    private static bool HasOneWeight(Endpoint[] members)
    {
        foreach (Endpoint member in members)
        {
            if (member.Weight != members[0].Weight)
            {
                return false;
            }
        }

        return true;
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
    /// Smooth weighted order: at each slot every endpoint gains its weight in credit, and the one with the most credit gets the slot and pays the sum of all weights. So 5, 1, 1
    /// gives a a b a c a a.
    /// </summary>
    private static Endpoint[] Spread(IReadOnlyList<Endpoint> endpoints, int[] weights)
    {
        int total = weights.Sum();
        EqualTurns[] groups = [.. Enumerable.Range(0, weights.Length).GroupBy(i => weights[i]).Select(static group => new EqualTurns(group.Key, [.. group]))];
        Endpoint[] slots = new Endpoint[total];
        for (int slot = 0; slot < total; slot++)
        {
            EqualTurns richest = groups[0];
            foreach (EqualTurns group in groups)
            {
                Visits.Add();
                group.Gain();
                richest = group.IsBefore(richest) ? group : richest;
            }

            slots[slot] = endpoints[richest.Take(total)];
        }

        return slots;
    }

    /// <summary>The endpoints of one weight. Of equal ones the first has the most credit that had the fewest turns, so they take turns in order, and only the next is looked at.</summary>
    private sealed class EqualTurns(int weight, int[] members)
    {
        private int _credit;
        private int _next;

        public void Gain() => _credit += weight;

        public bool IsBefore(EqualTurns other) => _credit > other._credit || (_credit == other._credit && Next < other.Next);

        public int Take(int total)
        {
            int taken = Next;
            _next = (_next + 1) % members.Length;
            // The next one has had as many turns, unless all have had theirs.
            _credit -= _next == 0 ? total : 0;
            return taken;
        }

        private int Next => members[_next];
    }
}
