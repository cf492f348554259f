namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>Warns of api-versions that are too old for the SDK's requests.</summary>
internal static class ApiVersions
{
    private const string OldestFit = "2024-09";

    /// <summary>Compares the leading year and month, so that a preview counts by its date; a version without a date is not judged.</summary>
    public static bool IsTooOld(string version) =>
        version is [>= '0' and <= '9', >= '0' and <= '9', >= '0' and <= '9', >= '0' and <= '9', '-', >= '0' and <= '9', >= '0' and <= '9', ..]
        && string.CompareOrdinal(version, 0, OldestFit, 0, OldestFit.Length) < 0;

    public static void Warn(IReadOnlyList<EndpointSettings> endpoints, Findings findings)
    {
        foreach (IGrouping<string, EndpointSettings> group in endpoints.Where(static e => e.ApiVersion is not null).GroupBy(static e => e.ApiVersion!))
        {
            if (IsTooOld(group.Key))
            {
                string names = string.Join(", ", group.Select(static endpoint => $"'{endpoint.Name}'"));
                findings.Warn($"The api-version {group.Key} of {names} is older than {OldestFit}, and does not accept the SDK's requests any more; use 2024-10-21 or later.");
            }
        }
    }
}
