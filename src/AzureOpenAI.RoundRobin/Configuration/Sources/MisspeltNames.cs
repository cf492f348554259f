namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>Guesses which name is meant by one that is unknown.</summary>
internal static class MisspeltNames
{
    private const int Shortest = 5;
    private const int Longest = 40;
    private const int MostEdits = 2;

    /// <summary>What other libraries and people call a setting, in lower case and without a prefix.</summary>
    private static readonly Dictionary<string, EntryField> Synonyms = new(StringComparer.Ordinal)
    {
        ["url"] = EntryField.Endpoint,
        ["uri"] = EntryField.Endpoint,
        ["host"] = EntryField.Endpoint,
        ["address"] = EntryField.Endpoint,
        ["baseurl"] = EntryField.Endpoint,
        ["apibase"] = EntryField.Endpoint,
        ["resource"] = EntryField.Endpoint,
        ["targeturi"] = EntryField.Endpoint,
        ["key"] = EntryField.ApiKey,
        ["secret"] = EntryField.ApiKey,
        ["token"] = EntryField.ApiKey,
        ["accesskey"] = EntryField.ApiKey,
        ["subscriptionkey"] = EntryField.ApiKey,
        ["modelname"] = EntryField.Model,
        ["modelid"] = EntryField.Model,
        ["engine"] = EntryField.Deployment,
        ["deploymentid"] = EntryField.Deployment,
        ["chatdeployment"] = EntryField.Deployment,
        ["version"] = EntryField.ApiVersion,
        ["label"] = EntryField.Name,
        ["displayname"] = EntryField.Name,
        ["maxcompletiontokens"] = EntryField.MaxTokens,
        ["rpm"] = EntryField.RequestsPerMinute,
        ["tpm"] = EntryField.TokensPerMinute,
        ["models"] = EntryField.Deployments,
    };

    private static readonly string[] Prefixes = ["azureopenai", "openai", "azure"];

    /// <returns>The setting of an endpoint, or null where there is none that is near.</returns>
    public static EntryField? Field(string name)
    {
        string plain = Plain(name);
        foreach (string prefix in Prefixes)
        {
            plain = plain.Length > prefix.Length && plain.StartsWith(prefix, StringComparison.Ordinal) ? plain[prefix.Length..] : plain;
        }

        if (Synonyms.TryGetValue(plain, out EntryField synonym))
        {
            return synonym;
        }

        foreach (EntryField field in Enum.GetValues<EntryField>())
        {
            if (IsNear(plain, Plain(field.InData())) || (field != EntryField.Model && IsNear(plain, Plain(field.InCode()))))
            {
                return field;
            }
        }

        return null;
    }

    /// <returns>The one of <paramref name="known"/> that is meant, or null.</returns>
    public static string? Nearest(string name, IEnumerable<string> known) => known.FirstOrDefault(one => IsNear(Plain(name), Plain(one)));

    private static string Plain(string name) => string.Concat(name.Where(char.IsAsciiLetterOrDigit)).ToLowerInvariant();

    private static bool IsNear(string name, string known) =>
        name == known
        || (name.Length is >= Shortest and <= Longest && (known.StartsWith(name, StringComparison.Ordinal) || name.StartsWith(known, StringComparison.Ordinal) || Edits(name, known) <= MostEdits));

    /// <summary>How many letters must be inserted, deleted or replaced (Levenshtein).</summary>
    private static int Edits(string one, string other)
    {
        int[] row = [.. Enumerable.Range(0, other.Length + 1)];
        for (int i = 1; i <= one.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= other.Length; j++)
            {
                int replaced = diagonal + (one[i - 1] == other[j - 1] ? 0 : 1);
                (diagonal, row[j]) = (row[j], Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1));
            }
        }

        return row[^1];
    }
}
