using AzureOpenAI.RoundRobin.Attempts;

namespace AzureOpenAI.RoundRobin.Endpoints;

internal sealed partial class Dispatcher
{
    /// <summary>The endpoint for a call that has an affinity, out of the rotation: its home, else the next that it prefers.</summary>
    /// <param name="group">The endpoints that answer the call's model.</param>
    /// <param name="rotation">The group's, as it was looked at.</param>
    /// <param name="affinity">The call's key; not 0.</param>
    /// <param name="call">The call, for what it has tried; null on the quick way, where every endpoint of the rotation is free.</param>
    /// <param name="retry">Whether an endpoint that this call has tried will do.</param>
    /// <param name="now">The present; not needed on the quick way.</param>
    private static Endpoint? Preferred(EndpointGroup group, Rotation rotation, uint affinity, Call? call = null, bool retry = false, long now = 0)
    {
        Endpoint? overloaded = null;
        if (rotation.Count == 0)
        {
            return null;
        }

        foreach (Endpoint endpoint in group.Homes!.OrderFor(affinity, rotation))
        {
            if (call is not null && !IsFree(endpoint, call, retry, now))
            {
                continue;
            }

            if (!ConversationHomes.IsOverloaded(endpoint, rotation))
            {
                group.CountPreferred();
                return endpoint;
            }

            overloaded ??= endpoint;
        }

        if (overloaded is not null)
        {
            group.CountPreferred();
        }

        return overloaded;
    }
}
