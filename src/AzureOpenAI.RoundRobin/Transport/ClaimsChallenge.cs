using System.Buffers.Text;
using System.Text;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>What a service wants the next token to have, in a <c>WWW-Authenticate</c> header: continuous access evaluation.</summary>
internal static class ClaimsChallenge
{
    private const string Bearer = "Bearer ";
    private const string Claims = "claims";

    /// <summary>The claims of a header with one or several challenges, as a credential takes them; null where it has none that can be read.</summary>
    public static string? Of(string header)
    {
        bool isBearer = false;
        foreach (string item in Items(header))
        {
            int equals = item.IndexOf('=', StringComparison.Ordinal);
            int space = item.IndexOf(' ', StringComparison.Ordinal);
            string parameter = item;
            if (equals < 0 || (space >= 0 && space < equals))
            {
                // A scheme begins a challenge, and its first parameter follows.
                isBearer = item.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase);
                parameter = space < 0 ? "" : item[space..];
            }

            string[] parts = parameter.Split('=', 2, StringSplitOptions.TrimEntries);
            if (isBearer && parts.Length == 2 && parts[0].Equals(Claims, StringComparison.OrdinalIgnoreCase))
            {
                return Decode(parts[1].Trim('"'));
            }
        }

        return null;
    }

    /// <summary>What stands between commas that are in no quotes.</summary>
    private static IEnumerable<string> Items(string header)
    {
        (int from, bool quoted) = (0, false);
        for (int i = 0; i <= header.Length; i++)
        {
            quoted ^= i < header.Length && header[i] == '"';
            if (i == header.Length || (header[i] == ',' && !quoted))
            {
                yield return header[from..i].Trim();
                from = i + 1;
            }
        }
    }

    private static string? Decode(string text)
    {
        try
        {
            // Both alphabets are in use, with and without padding.
            return Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text.TrimEnd('=').Replace('+', '-').Replace('/', '_')));
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
