using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Affinity;

/// <summary>
/// The home endpoint of each conversation, so that all its calls find the same prompt cache. Sticky sessions over <see cref="RendezvousOrder"/>.
/// </summary>
/// <remarks>
/// <para>
/// <b>Rule.</b> A new key is placed, and stays, at the first endpoint of its order that is healthy, or recovering with a permit left; that is not overloaded
/// (<see cref="IsOverloaded"/>); and that would exceed its share of the latest placements by at most one conversation, or a tenth. Where no endpoint qualifies, the first of
/// the order is the home.
/// </para>
/// <para>
/// <b>Why a share.</b> Hashing alone spreads few conversations unevenly: 30 over 3 endpoints with a deviation of 20 % and more. Load alone would place each key differently in
/// each process. The share is a compromise with a cost: two processes, or one before and after a restart, place about 65 % of 30 conversations alike over 3 endpoints, 85 % of
/// 300, and nearly all of more. A restart with one more endpoint moves that endpoint's share, and of 300 conversations up to as many again. Within a process an unavailable
/// endpoint moves only its own conversations, and they return.
/// </para>
/// <para>
/// <b>Busy keys.</b> The share counts conversations, since the number of their future calls is not known. <see cref="IsOverloaded"/> protects the home of a key with many calls.
/// </para>
/// </remarks>
internal sealed class ConversationHomes
{
    /// <summary>An endpoint with at most this many calls in flight is never overloaded.</summary>
    private const int AlwaysAllowed = 8;

    /// <summary>Each time that placements reach this many for each endpoint, they all count half: old conversations end over time.</summary>
    private const int Remembered = 64;

    private readonly Endpoint[] _endpoints;
    private readonly Dictionary<Endpoint, int> _indexes = [];
    private readonly HomeTable _table;
    private readonly Lock _lock = new();
    private readonly int[] _placed;
    private int _allPlaced;

    /// <param name="endpoints">All endpoints of the picker, in any state.</param>
    /// <param name="before">The homes among the endpoints before; conversations whose home is still there stay.</param>
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

    /// <summary>The endpoints to ask, best first: the key's home if it is in the rotation, then the others in the key's rendezvous order.</summary>
    /// <param name="key">The conversation; not 0.</param>
    /// <param name="rotation">The endpoints to choose from; not empty.</param>
    public RendezvousOrder OrderFor(uint key, Rotation rotation) => new(key, rotation.Members, HomeOf(key, rotation) is var home && rotation.Has(home) ? home : null);

    /// <summary>
    /// Whether one more call would give the endpoint more than twice its fair share of the calls in flight; then the next in order is asked. For a share above one third the
    /// bound is half way between the share and all: twice such a share is nearly all calls, and a busy key would leave the other endpoints idle.
    /// </summary>
    public static bool IsOverloaded(Endpoint endpoint, Rotation rotation)
    {
        int inFlight = endpoint.InFlight + 1;
        if (inFlight <= AlwaysAllowed)
        {
            return false;
        }

        long calls = 1;
        long weights = rotation.Weight;
        long most = ((2 * inFlight * weights) - 1) / Math.Min(4 * endpoint.Weight, weights + endpoint.Weight);
        // The calls of all are not counted beyond what shows that they are enough.
        foreach (Endpoint member in rotation.Members)
        {
            calls += member.InFlight;
            if (calls > most)
            {
                return false;
            }
        }

        return true;
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
            // A rotation that was read before a new configuration may hold an endpoint that has left.
            if (_indexes.TryGetValue(home, out int index))
            {
                _table.Put(key, index);
                Count(index);
            }

            return home;
        }
    }

    /// <summary>The key's home, unless its priority is worse than the rotation's: such a home was only for the time when no better endpoint was available.</summary>
    private Endpoint? Find(uint key, Rotation rotation) =>
        _table.Find(key) is >= 0 and int index && _endpoints[index].Priority <= rotation.Members[0].Priority ? _endpoints[index] : null;

    private Endpoint Place(uint key, Rotation rotation)
    {
        long placed = 1 + PlacedAmong(rotation);

        Endpoint? first = null;
        foreach (Endpoint endpoint in new RendezvousOrder(key, rotation.Members))
        {
            first ??= endpoint;
            double share = (double)placed * endpoint.Weight / rotation.Weight;
            if (PlacedAt(endpoint) + 1 <= share + Math.Max(1, share / 10) && (endpoint.Health.CanAcquire) && !IsOverloaded(endpoint, rotation))
            {
                return endpoint;
            }
        }

        return first!;
    }

    private long PlacedAmong(Rotation rotation)
    {
        if (rotation.Members.Length == _endpoints.Length)
        {
            return _allPlaced;
        }

        long placed = 0;
        foreach (Endpoint member in rotation.Members)
        {
            placed += PlacedAt(member);
        }

        return placed;
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
