using AzureOpenAI.RoundRobin.Balancing.Affinity;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing;

internal sealed partial class Dispatcher
{
    /// <summary>The endpoint for a call that has an affinity, out of the rotation: its home, else the next that it prefers.</summary>
    /// <param name="group">The endpoints that answer the call's model.</param>
    /// <param name="rotation">The group's, as it was looked at.</param>
    /// <param name="affinity">The call's key; not 0.</param>
    /// <param name="call">The call, for what it has tried; null on the quick way, where every endpoint of the rotation is free.</param>
    /// <param name="retry">Whether an endpoint that this call has tried will do.</param>
    /// <param name="now">The present; not needed on the quick way.</param>
    private Endpoint? Preferred(EndpointGroup group, Rotation rotation, uint affinity, Call? call = null, bool retry = false, long now = 0)
    {
        Endpoint? preferred = rotation.Count == 0 ? null
            : Slow(group, rotation, call, retry, now)
            // A call from before a configuration that keeps no homes any more goes by its key alone.
            ?? FirstFree(group.Homes is { } homes ? homes.OrderFor(affinity, rotation) : new RendezvousOrder(affinity, rotation.Members), rotation, call, retry, now)
            ?? FirstFree(new RendezvousOrder(affinity, rotation.Slow), rotation, call, retry, now);
        if (preferred is not null)
        {
            group.CountPreferred();
        }

        return preferred;
    }

    /// <summary>One call in so many goes to an endpoint that is slow, whatever it prefers, so that it is seen when that is itself again.</summary>
    private Endpoint? Slow(EndpointGroup group, Rotation rotation, Call? call, bool retry, long now)
    {
        uint number = group.Preferred;
        return rotation.Slow.Length > 0 && number % Rotation.SlowEvery == 0
            && rotation.Slow[(int)(number / Rotation.SlowEvery % (uint)rotation.Slow.Length)] is var slow
            && (call is null || IsFree(slow, call, retry, now)) ? slow : null;
    }

    /// <summary>The first that may be asked and is not overloaded, else the first that may be asked.</summary>
    private Endpoint? FirstFree(RendezvousOrder order, Rotation rotation, Call? call, bool retry, long now)
    {
        Endpoint? overloaded = null;
        foreach (Endpoint endpoint in order)
        {
            if (call is not null && !IsFree(endpoint, call, retry, now))
            {
                continue;
            }

            if (!ConversationHomes.IsOverloaded(endpoint, rotation))
            {
                return endpoint;
            }

            overloaded ??= endpoint;
        }

        return overloaded;
    }
}
