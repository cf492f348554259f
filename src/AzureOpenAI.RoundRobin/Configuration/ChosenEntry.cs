namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>An endpoint with the deployment that a call without a model gets.</summary>
internal readonly record struct ChosenEntry(EndpointEntry Entry, DeploymentChoice Deployment)
{
    /// <summary>Equal where resource and deployment are equal. Null for a ready-made client, and where either is unknown.</summary>
    private string? Identity =>
        Entry.Kind != EndpointKind.ReadyMade && Entry.Address is { } address && Deployment.Name is { } name && !AddressRules.Check(address).Any()
            ? $"{AddressRules.Normalize(address).AbsoluteUri} {name.ToUpperInvariant()}"
            : null;

    /// <summary>The same resource and deployment twice is one: the later stands in the earlier one's place.</summary>
    public static List<ChosenEntry> Merge(IEnumerable<ChosenEntry> entries, Findings findings)
    {
        List<ChosenEntry> merged = [];
        Dictionary<string, int> places = new(StringComparer.Ordinal);
        foreach (ChosenEntry chosen in entries)
        {
            if (chosen.Identity is not { } identity || places.TryAdd(identity, merged.Count))
            {
                merged.Add(chosen);
                continue;
            }

            int place = places[identity];
            findings.Warn($"{Findings.Label(chosen.Entry)} has the same resource and deployment as endpoint {merged[place].Entry.Place}; the later one is used.");
            merged[place] = chosen;
        }

        return merged;
    }
}
