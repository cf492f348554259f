using AzureOpenAI.RoundRobin.Configuration.Rules;
using AzureOpenAI.RoundRobin.Configuration.Sources;

namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>Gives each endpoint a unique name: the user's, else one derived from its address.</summary>
internal static class EndpointNames
{
    public static void CheckUnique(IEnumerable<EndpointEntry> entries, Findings findings)
    {
        Dictionary<string, EndpointEntry> first = new(StringComparer.OrdinalIgnoreCase);
        foreach (EndpointEntry entry in entries)
        {
            if (entry.Name is { } name && !first.TryAdd(name, entry))
            {
                findings.Fault(entry, $"{entry.NameOf(EntryField.Name)} is the same as that of endpoint {first[name].Place}; choose another.");
            }
        }
    }

    /// <returns>The names, in the order of <paramref name="entries"/>.</returns>
    public static string[] Choose(IReadOnlyList<EndpointEntry> entries)
    {
        HashSet<string> taken = new(entries.Select(static entry => entry.Name).OfType<string>(), StringComparer.OrdinalIgnoreCase);
        Dictionary<string, int> repeats = new(StringComparer.OrdinalIgnoreCase);
        return [.. entries.Select(entry => entry.Name ?? Unique(Default(entry)))];

        string Unique(string wanted)
        {
            // The last suffix of each name is kept, so that 1,000 equal hosts do not take 1,000 tries each.
            int number = repeats.GetValueOrDefault(wanted, 1);
            string name = number == 1 ? wanted : $"{wanted}-{number}";
            while (!taken.Add(name))
            {
                name = $"{wanted}-{++number}";
            }

            repeats[wanted] = number;
            return name;
        }
    }

    private static string Default(EndpointEntry entry)
    {
        Uri? address = entry.Address ?? entry.ProviderAddress;
        return address is null ? $"client-{entry.Place}" : AddressRules.DefaultName(address);
    }
}
