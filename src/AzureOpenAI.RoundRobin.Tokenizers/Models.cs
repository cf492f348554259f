using System.Collections.Frozen;
using System.Text.RegularExpressions;

namespace AzureOpenAI.RoundRobin.Tokenizers;

/// <summary>The models whose encoding and context window are known. A name that is not here is never guessed at.</summary>
internal static partial class Models
{
    private static readonly FrozenDictionary<string, (Encoding Encoding, int ContextWindow)> Known = new Dictionary<string, (Encoding, int)>
    {
        ["gpt-3.5-turbo"] = (Encoding.Cl100k, 16_385),
        ["gpt-3.5-turbo-0301"] = (Encoding.Cl100k, 4_096),
        ["gpt-3.5-turbo-0613"] = (Encoding.Cl100k, 4_096),
        ["gpt-3.5-turbo-16k"] = (Encoding.Cl100k, 16_385),
        ["gpt-4"] = (Encoding.Cl100k, 8_192),
        ["gpt-4-1106-preview"] = (Encoding.Cl100k, 128_000),
        ["gpt-4-0125-preview"] = (Encoding.Cl100k, 128_000),
        ["gpt-4-32k"] = (Encoding.Cl100k, 32_768),
        ["gpt-4-turbo"] = (Encoding.Cl100k, 128_000),
        ["gpt-4-turbo-preview"] = (Encoding.Cl100k, 128_000),
        ["gpt-4o"] = (Encoding.O200k, 128_000),
        ["gpt-4o-mini"] = (Encoding.O200k, 128_000),
        ["gpt-4.1"] = (Encoding.O200k, 1_047_576),
        ["gpt-4.1-mini"] = (Encoding.O200k, 1_047_576),
        ["gpt-4.1-nano"] = (Encoding.O200k, 1_047_576),
        ["gpt-4.5-preview"] = (Encoding.O200k, 128_000),
        ["gpt-5"] = (Encoding.O200k, 400_000),
        ["gpt-5-mini"] = (Encoding.O200k, 400_000),
        ["gpt-5-nano"] = (Encoding.O200k, 400_000),
        ["gpt-5-pro"] = (Encoding.O200k, 400_000),
        ["gpt-5-codex"] = (Encoding.O200k, 400_000),
        ["gpt-5-chat"] = (Encoding.O200k, 128_000),
        ["gpt-5.1"] = (Encoding.O200k, 400_000),
        ["gpt-5.1-codex"] = (Encoding.O200k, 400_000),
        ["gpt-5.1-codex-mini"] = (Encoding.O200k, 400_000),
        ["gpt-5.1-chat"] = (Encoding.O200k, 128_000),
        ["gpt-5.2"] = (Encoding.O200k, 400_000),
        ["gpt-5.2-codex"] = (Encoding.O200k, 400_000),
        ["gpt-5.2-chat"] = (Encoding.O200k, 128_000),
        ["gpt-5.3-codex"] = (Encoding.O200k, 400_000),
        ["o1"] = (Encoding.O200k, 200_000),
        ["o1-mini"] = (Encoding.O200k, 128_000),
        ["o1-preview"] = (Encoding.O200k, 128_000),
        ["o3"] = (Encoding.O200k, 200_000),
        ["o3-mini"] = (Encoding.O200k, 200_000),
        ["o3-pro"] = (Encoding.O200k, 200_000),
        ["o4-mini"] = (Encoding.O200k, 200_000),
        ["text-embedding-ada-002"] = (Encoding.Cl100k, 8_192),
        ["text-embedding-3-small"] = (Encoding.Cl100k, 8_192),
        ["text-embedding-3-large"] = (Encoding.Cl100k, 8_192),
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    public static (Encoding Encoding, int ContextWindow)? Find(string model)
    {
        // Azure's own spelling, since its deployments' names may have no dot.
        string name = model.Trim().Replace("gpt-35-", "gpt-3.5-", StringComparison.OrdinalIgnoreCase);
        return Known.TryGetValue(name, out (Encoding, int) found) || Known.TryGetValue(Version().Replace(name, ""), out found) ? found : null;
    }

    [GeneratedRegex(@"-(\d{4}-\d{2}-\d{2}|\d{4})$", RegexOptions.CultureInvariant)]
    private static partial Regex Version();
}
