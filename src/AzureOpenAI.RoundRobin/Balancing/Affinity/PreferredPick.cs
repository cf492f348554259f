using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Affinity;

/// <summary>The endpoint for a call with an affinity: the home of its conversation, else the next in the key's order.</summary>
internal static class PreferredPick
{
    /// <param name="picker">The endpoints that answer the call's model.</param>
    /// <param name="rotation">The picker's rotation, as the call read it.</param>
    /// <param name="affinity">The call's key; not 0.</param>
    /// <param name="filter">The endpoints that the call may go to.</param>
    public static Endpoint? Of<TFilter>(Picker picker, Rotation rotation, uint affinity, in TFilter filter)
        where TFilter : struct, IPickFilter
    {
        Endpoint? preferred = rotation.Count == 0 ? null
            : Lagging(picker, rotation, filter)
            // The new configuration may have no homes; a call from before it goes by its key alone.
            ?? FirstFree(picker.Homes is { } homes ? homes.OrderFor(affinity, rotation) : new RendezvousOrder(affinity, rotation.Members), rotation, filter)
            ?? FirstFree(new RendezvousOrder(affinity, rotation.Lagging), rotation, filter);
        if (preferred is not null)
        {
            picker.CountPreferred();
        }

        return preferred;
    }

    /// <summary>One call in 32 goes to a lagging endpoint, whatever its home, since only answers show that the endpoint is no longer lagging.</summary>
    private static Endpoint? Lagging<TFilter>(Picker picker, Rotation rotation, in TFilter filter)
        where TFilter : struct, IPickFilter
    {
        uint number = picker.Preferred;
        return rotation.Lagging.Length > 0 && number % Rotation.LaggingEvery == 0
            && rotation.Lagging[(int)(number / Rotation.LaggingEvery % (uint)rotation.Lagging.Length)] is var lagging
            && filter.Allows(lagging) ? lagging : null;
    }

    /// <summary>The first that the call may go to and that is not overloaded, else the first that it may go to.</summary>
    private static Endpoint? FirstFree<TFilter>(RendezvousOrder order, Rotation rotation, in TFilter filter)
        where TFilter : struct, IPickFilter
    {
        Endpoint? overloaded = null;
        foreach (Endpoint endpoint in order)
        {
            if (!filter.Allows(endpoint))
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
