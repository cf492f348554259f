using AzureOpenAI.Simulator;

namespace Dashboard.Simulation;

/// <summary>The buttons, and the counts of the resources themselves. Without simulated resources the list is empty.</summary>
internal static class SimulationEndpoints
{
    public static void MapSimulation(this IEndpointRouteBuilder endpoints, string pattern, SimulatedFleet? fleet)
    {
        endpoints.MapGet(pattern, () => (fleet?.Resources ?? []).Select(resource => Read(resource, fleet!.Ledger)));
        if (fleet is null)
        {
            return;
        }

        endpoints.MapPut($"{pattern}/{{name}}/{{trouble}}", async Task<IResult> (string name, Trouble trouble, CancellationToken cancellationToken) =>
        {
            if (fleet.Resources.FirstOrDefault(resource => resource.Name == name) is not { } resource || !Enum.IsDefined(trouble))
            {
                return TypedResults.NotFound();
            }

            await resource.SetAsync(trouble, cancellationToken);
            return TypedResults.Ok(Read(resource, fleet.Ledger));
        });
    }

    private static ResourceReading Read(TroubledResource resource, Ledger ledger)
    {
        LedgerCounts counts = ledger.Count(resource.Name);
        return new(resource.Name, resource.Trouble, counts.Attempts, counts.Answered);
    }

    internal sealed record ResourceReading(string Name, Trouble Trouble, long Attempts, long Answered);
}
