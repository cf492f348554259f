namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>Whether a rejection is for tokens, not for requests: the service says so in its text, a gateway in its headers.</summary>
internal static class ScarceTokens
{
    /// <summary>A provisioned deployment's limit is of tokens.</summary>
    private static readonly string[] Words = ["token rate", "tokens per min", "(TPM)", "provisioned throughput"];

    public static bool AreNamed(HeaderLookup headers, string? text) =>
        Array.Exists(Words, word => text?.Contains(word, StringComparison.OrdinalIgnoreCase) == true)
        || (LimitReset.IsSpent(headers("x-ratelimit-remaining-tokens")) && !LimitReset.IsSpent(headers("x-ratelimit-remaining-requests")));
}
