using System.IO.Hashing;
using System.Runtime.InteropServices;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Affinity;

/// <summary>
/// The order in which a key prefers endpoints: weighted rendezvous hashing, also called highest random weight. Each endpoint draws a number from its name and the key; the
/// smallest is first.
/// </summary>
/// <remarks>
/// An endpoint's number depends on no other endpoint. So the order is the same in every process with the same endpoints, the others keep their order when one leaves, and
/// over many keys each endpoint is first in proportion to its weight. Allocates nothing; each step reads every member.
/// </remarks>
/// <param name="key">The key to place.</param>
/// <param name="members">The endpoints to choose from.</param>
/// <param name="home">A member that is the first of the order, whatever it drew.</param>
internal ref struct RendezvousOrder(uint key, ReadOnlySpan<Endpoint> members, Endpoint? home = null)
{
    private readonly ReadOnlySpan<Endpoint> _members = members;
    private readonly Endpoint? _home = home;
    private double _lastDraw = double.NegativeInfinity;
    private int _last = -1;

    public Endpoint Current { get; private set; } = null!;

    public readonly RendezvousOrder GetEnumerator() => this;

    public bool MoveNext()
    {
        if (_home is not null && Current is null)
        {
            Current = _home;
            return true;
        }

        double best = double.PositiveInfinity;
        int next = -1;
        for (int i = 0; i < _members.Length; i++)
        {
            double draw = Draw(_members[i], best);
            if (draw < best && (draw > _lastDraw || (draw == _lastDraw && i > _last)) && _members[i] != _home)
            {
                (best, next) = (draw, i);
            }
        }

        if (next < 0)
        {
            return false;
        }

        (_lastDraw, _last, Current) = (best, next, _members[next]);
        return true;
    }

    /// <summary>The seed of an endpoint's draws: a hash of its name and deployment, the same in every process.</summary>
    public static ulong SeedOf(string name, string? deployment) =>
        XxHash3.HashToUInt64(MemoryMarshal.AsBytes(deployment.AsSpan()), (long)XxHash3.HashToUInt64(MemoryMarshal.AsBytes(name.AsSpan())));

    /// <summary>An exponential draw with the endpoint's weight as its rate: the chance that it is the smallest is exactly the endpoint's share of all weights.</summary>
    /// <returns>The draw; where it is above <paramref name="best"/> for sure, what it is above: a logarithm for each of a thousand endpoints would cost more than all else.</returns>
    private readonly double Draw(Endpoint endpoint, double best)
    {
        ulong hash = XxHash3.HashToUInt64(MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in key)), (long)endpoint.Seed);
        double uniform = ((hash >> 11) + 0.5) / (1UL << 53);
        return (1 - uniform) / endpoint.Weight is var least && least > best ? least : -Math.Log(uniform) / endpoint.Weight;
    }
}
