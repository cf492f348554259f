using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>An endpoint with the deployment of calls that name no model.</summary>
internal sealed record ChosenEntry(EndpointEntry Entry, DeploymentChoice Deployment)
{
    /// <summary>Equal for equal deployments at the same resource or ready-made client. Null where either is unknown.</summary>
    private Identified? Identity =>
        Entry.MayRepeat ? null
        : Entry.Kind == EndpointKind.ReadyMade ? new(Entry.ChatClient, Entry.EmbeddingGenerator, Deployment.Name)
        : Entry.Target is { Faults: [] } target && Deployment.Name is { } name ? new(target.Address.AbsoluteUri, null, name.ToUpperInvariant())
        : null;

    /// <summary>Merges entries with the same resource or ready-made client and the same deployment: the later entry replaces the earlier one.</summary>
    public static List<ChosenEntry> Merge(IEnumerable<ChosenEntry> entries, Findings findings)
    {
        List<ChosenEntry> merged = [];
        Dictionary<Identified, int> places = [];
        foreach (ChosenEntry chosen in entries)
        {
            if (chosen.Identity is not { } identity || places.TryAdd(identity, merged.Count))
            {
                merged.Add(chosen);
                continue;
            }

            int place = places[identity];
            string same = chosen.Entry.Kind != EndpointKind.ReadyMade ? "has the same resource and deployment"
                : chosen.Entry.ChatClient is null ? "is the same ready-made generator" : "is the same ready-made client";
            findings.Warn($"{Findings.Label(chosen.Entry)} {same} as endpoint {merged[place].Entry.Place}; the later one is used.");
            merged[place] = chosen;
        }

        return merged;
    }

    /// <remarks>A class, as are all keys that are used at the start of a process: a table of it needs no code of its own, which would be compiled before the first answer.</remarks>
    private sealed record Identified(object? Address, object? Generator, string? Deployment);
}
