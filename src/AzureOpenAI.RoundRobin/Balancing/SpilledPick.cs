using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// Where no endpoint of the rotation may take the call: one of the best priority that has any, in turn. Endpoints of the rotation's own priority that are out of it because they
/// are near their limit come first.
/// </summary>
internal static class SpilledPick
{
    public static Endpoint? Of(Picker picker, in PickFilter filter)
    {
        int priority = int.MaxValue;
        uint free = 0;
        foreach (Endpoint endpoint in picker.Endpoints)
        {
            if (endpoint.Priority >= picker.Priority && endpoint.Priority <= priority && endpoint.Health.IsAvailable && filter.Allows(endpoint))
            {
                free = endpoint.Priority < priority ? 1 : free + 1;
                priority = endpoint.Priority;
            }
        }

        if (free == 0)
        {
            return null;
        }

        uint turn = picker.Spilled++ % free;
        foreach (Endpoint endpoint in picker.Endpoints)
        {
            if (endpoint.Priority == priority && endpoint.Health.IsAvailable && filter.Allows(endpoint) && turn-- == 0)
            {
                return endpoint;
            }
        }

        return null;
    }
}
