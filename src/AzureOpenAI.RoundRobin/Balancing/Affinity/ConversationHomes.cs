using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Affinity;

/// <summary>
/// Where each conversation of a group is at home, so that all its calls find the same prompt cache. The one place that knows the rule.
/// </summary>
/// <remarks>
/// <para>
/// A key that was never seen is placed at the first endpoint of its <see cref="RendezvousOrder"/> that is fit, or returns and may have one more call, is not overloaded, and has not
/// more than its share of the latest placements; there it stays. Hashing alone would spread few conversations badly (30 over 3 endpoints
/// with a deviation of a fifth and more); going by the load alone, two processes would never agree. So the share has some room: one
/// conversation, or a tenth.
/// </para>
/// <para>
/// What that costs shows only where no memory helps, in other processes and after a restart. Of 30 conversations over 3 endpoints two processes
/// place some 65 % alike, of 300 some 85 %, of more nearly all. While a process runs an endpoint that goes out moves its own conversations and
/// no others, and they come back; a restart with one endpoint more moves that one's share and, of 300, up to as many again.
/// </para>
/// <para>
/// Homes are given by conversations, not by calls, since nobody knows how many calls will come. Where some keys are far busier than others,
/// <see cref="IsOverloaded"/> is what keeps the endpoint of a busy one from drowning.
/// </para>
/// </remarks>
internal sealed class ConversationHomes
{
    /// <summary>So many calls an endpoint may always have in flight.</summary>
    private const int AlwaysAllowed = 8;

    /// <summary>Older placements count half once there are so many for each endpoint: those conversations are over by and by.</summary>
    private const int Remembered = 64;

    private readonly Endpoint[] _endpoints;
    private readonly Dictionary<Endpoint, int> _indexes = [];
    private readonly HomeTable _table;
    private readonly Lock _lock = new();
    private readonly int[] _placed;
    private int _allPlaced;

    /// <param name="endpoints">All of the group, whether fit or not.</param>
    /// <param name="before">Where the conversations were at home among other endpoints; those whose home is still there stay.</param>
    public ConversationHomes(Endpoint[] endpoints, ConversationHomes? before = null)
    {
        _endpoints = endpoints;
        _placed = new int[endpoints.Length];
        for (int i = 0; i < endpoints.Length; i++)
        {
            _indexes.TryAdd(endpoints[i], i);
        }

        _table = before is null ? new() : TakeOver(before);
    }

    /// <summary>The endpoints to ask, best first: the key's home if it is in the rotation, then the others as the key prefers them.</summary>
    /// <param name="key">The conversation; not 0.</param>
    /// <param name="rotation">Those to choose from. Not empty.</param>
    public RendezvousOrder OrderFor(uint key, Rotation rotation) => new(key, rotation.Members, HomeOf(key, rotation));

    /// <summary>
    /// With one more it would have more than twice its fair share of the calls in flight, so the next in order is asked. Where the share is
    /// above a third, twice is nearly all, and a busy key would leave the others idle: there the bound is half way from the share to all.
    /// </summary>
    public static bool IsOverloaded(Endpoint endpoint, Rotation rotation)
    {
        int inFlight = endpoint.InFlight + 1;
        if (inFlight <= AlwaysAllowed)
        {
            return false;
        }

        long calls = 1;
        long weights = 0;
        foreach (Endpoint member in rotation.Members)
        {
            calls += member.InFlight;
            weights += member.Weight;
        }

        return 2 * inFlight * weights > calls * Math.Min(4 * endpoint.Weight, weights + endpoint.Weight);
    }

    private HomeTable TakeOver(ConversationHomes before)
    {
        int[] numbers = [.. before._endpoints.Select(endpoint => _indexes.GetValueOrDefault(endpoint, -1))];
        lock (before._lock)
        {
            for (int i = 0; i < numbers.Length; i++)
            {
                if (numbers[i] >= 0)
                {
                    _placed[numbers[i]] = before._placed[i];
                    _allPlaced += before._placed[i];
                }
            }

            return before._table.Renumbered(numbers);
        }
    }

    private Endpoint HomeOf(uint key, Rotation rotation)
    {
        if (Find(key, rotation) is { } known)
        {
            return known;
        }

        lock (_lock)
        {
            if (Find(key, rotation) is { } other)
            {
                return other;
            }

            Endpoint home = Place(key, rotation);
            // A rotation that was read before a new configuration came may still have one that is not here any more.
            if (_indexes.TryGetValue(home, out int index))
            {
                _table.Put(key, index);
                Count(index);
            }

            return home;
        }
    }

    /// <summary>A home of a worse tier was for want of a better, so it is one no longer when there is one.</summary>
    private Endpoint? Find(uint key, Rotation rotation) =>
        _table.Find(key) is >= 0 and int index && _endpoints[index].Priority <= rotation.Members[0].Priority ? _endpoints[index] : null;

    private Endpoint Place(uint key, Rotation rotation)
    {
        long placed = 1;
        long weights = 0;
        foreach (Endpoint member in rotation.Members)
        {
            placed += PlacedAt(member);
            weights += member.Weight;
        }

        Endpoint? first = null;
        foreach (Endpoint endpoint in new RendezvousOrder(key, rotation.Members))
        {
            first ??= endpoint;
            double share = (double)placed * endpoint.Weight / weights;
            if (PlacedAt(endpoint) + 1 <= share + Math.Max(1, share / 10) && (endpoint.Health.IsHealthy || endpoint.HasRoom) && !IsOverloaded(endpoint, rotation))
            {
                return endpoint;
            }
        }

        return first!;
    }

    private int PlacedAt(Endpoint endpoint) => _indexes.TryGetValue(endpoint, out int index) ? _placed[index] : 0;

    private void Count(int index)
    {
        _placed[index]++;
        if (++_allPlaced < Remembered * _endpoints.Length)
        {
            return;
        }

        _allPlaced = 0;
        for (int i = 0; i < _placed.Length; i++)
        {
            _placed[i] /= 2;
            _allPlaced += _placed[i];
        }
    }
}
