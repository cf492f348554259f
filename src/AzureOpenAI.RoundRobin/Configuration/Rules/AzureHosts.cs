namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>Knows Azure's hosts by their names, in the public cloud and in the sovereign ones.</summary>
internal static class AzureHosts
{
    private const string Government = ".us";
    private const string China = ".cn";

    private static readonly string[] Clouds = [".com", Government, China];

    /// <summary>Each without the end that names the cloud.</summary>
    private static readonly string[] Resources =
        [".openai.azure", ".cognitiveservices.azure", ".services.ai.azure", ".api.cognitive.microsoft", ".api.cognitive.azure"];

    private static readonly string[] Portals = ["portal.azure", "ai.azure", "oai.azure"];

    public static AzureHost Find(Uri address)
    {
        string host = Name(address);
        if (host == "api.openai.com")
        {
            return AzureHost.OpenAI;
        }

        if (host.EndsWith(".azure-api.net", StringComparison.Ordinal) || CloudOf(host, ".azure-api") is Government or China)
        {
            return AzureHost.ApiManagement;
        }

        return Resources.Any(suffix => CloudOf(host, suffix) is not null) ? AzureHost.Resource
            : Resources.Any(suffix => IsWhole(host, suffix[1..])) ? AzureHost.NoResource
            : Portals.Any(portal => IsWhole(host, portal)) ? AzureHost.Portal
            : AzureHost.Unknown;
    }

    /// <summary>The scope that a token for the address is asked for; for a host that says nothing, that of the public cloud.</summary>
    public static string CredentialScope(Uri address)
    {
        string host = Name(address);
        string? cloud = CloudOf(host, ".azure") ?? CloudOf(host, ".azure-api") ?? CloudOf(host, ".microsoft");
        return $"https://cognitiveservices.azure{cloud ?? ".com"}/.default";
    }

    /// <returns>The end of <paramref name="host"/> after <paramref name="suffix"/>, or null where it does not end so.</returns>
    private static string? CloudOf(string host, string suffix)
    {
        foreach (string cloud in Clouds)
        {
            if (host.EndsWith(suffix + cloud, StringComparison.Ordinal))
            {
                return cloud;
            }
        }

        return null;
    }

    private static bool IsWhole(string host, string name) => CloudOf(host, name) is { } cloud && host.Length == name.Length + cloud.Length;

    /// <summary>In lower case; a dot at the end, which is allowed, says nothing.</summary>
    private static string Name(Uri address) => AddressRules.HostOf(address).TrimEnd('.').ToLowerInvariant();
}
