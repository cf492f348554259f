namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>The query of an address: an api-version, or something that must not be there. What stands in it is never quoted: it can be a key.</summary>
/// <param name="ApiVersion">Null where there is none.</param>
/// <param name="Fault">What is wrong, in words that follow the name of the setting, or null.</param>
internal readonly record struct AddressQuery(string? ApiVersion, string? Fault)
{
    private const string Version = "api-version";

    /// <param name="query">With its question mark, or empty.</param>
    public static AddressQuery Read(string query)
    {
        string[] parts = query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        List<string> versions = [];
        foreach (string part in parts)
        {
            string[] pair = part.Split('=', 2);
            if (!string.Equals(Uri.UnescapeDataString(pair[0]).Trim(), Version, StringComparison.OrdinalIgnoreCase))
            {
                return new(null, "has a query; remove everything from the question mark on (only an api-version may stand there, and a key has a setting of its own).");
            }

            if (pair.Length == 2 && TextRules.Clean(Uri.UnescapeDataString(pair[1])) is { } version)
            {
                versions.Add(version);
            }
        }

        return versions switch
        {
            [] => default,
            [_, _, ..] => new(null, "has a query with more than one api-version; keep one."),
            [var version] => new(version, TextRules.ApiVersion(version) is { } fault ? $"has a query whose api-version {fault}" : null),
        };
    }
}
