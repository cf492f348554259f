using System.Buffers;
using System.Globalization;

namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>The characters of names, keys, deployments and api-versions. Each rule returns the fault, or null.</summary>
internal static class TextRules
{
    private const int LongestName = 100;
    private const int LongestVersion = 40;

    private static readonly SearchValues<char> VersionCharacters =
        SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-");

    private static readonly SearchValues<char> PathCharacters = SearchValues.Create("/\\?#%");

    /// <summary>Removes surrounding whitespace, such as the line end of a file; blank text counts as absent.</summary>
    public static string? Clean(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    public static string? Name(string name) =>
        HasControls(name) ? "contains a control character; use letters, digits and hyphens."
        : name.Length > LongestName ? $"is longer than {LongestName} characters; shorten it."
        : !CanShow(name) ? "looks like a key, and logs show it; choose another."
        : null;

    public static string? Key(string key) =>
        Placeholders.Find(key) is { } placeholder ? placeholder
        : key.AsSpan().ContainsAnyExceptInRange('!', '~') ? "contains a space, a control character or one beyond ASCII; copy the key again."
        : key.Contains("://", StringComparison.Ordinal) ? "is an address; put the key of the resource there."
        : null;

    public static string? Model(string model) =>
        HasControls(model) ? "contains a control character; use the name that callers ask for." : null;

    /// <summary>On the classic route the deployment is a segment of the path, and must not change the rest of it.</summary>
    public static string? Deployment(string deployment, bool inPath) =>
        Placeholders.Find(deployment) is { } placeholder ? placeholder
        : HasControls(deployment) ? "contains a control character; use the deployment's name as it is in Azure."
        : inPath && (deployment.AsSpan().ContainsAny(PathCharacters) || deployment == "." || deployment.Contains("..", StringComparison.Ordinal))
            ? "contains one of / \\ ? # % or two dots; use the deployment's name as it is in Azure."
        : null;

    public static string? ApiVersion(string version) =>
        Placeholders.Find(version) is { } placeholder ? placeholder
        : version.Length > LongestVersion || version.AsSpan().ContainsAnyExcept(VersionCharacters)
            ? "is not an api-version; write it like 2024-10-21 or 2025-04-01-preview."
            : null;

    public static string? Scope(string scope) =>
        scope.AsSpan().ContainsAnyExceptInRange('!', '~') || !scope.EndsWith("/.default", StringComparison.Ordinal)
        || !Uri.TryCreate(scope, UriKind.Absolute, out Uri? address) || address is not { Scheme: "https", UserInfo: "", Query: "", Fragment: "", Host.Length: > 0 }
            ? "is not a scope; write an https address that ends in /.default, like https://cognitiveservices.azure.com/.default."
            : null;

    /// <summary>Whether a message may contain a name that the user chose: it is short and printable, and cannot be a pasted key.</summary>
    public static bool CanShow(string name)
    {
        if (name.Length > LongestName || HasControls(name))
        {
            return false;
        }

        // The service's keys are unbroken runs of 32 or 84 letters and digits.
        const int KeyRun = 30;
        int run = 0;
        bool digit = false;
        foreach (char c in name)
        {
            bool part = char.IsAsciiLetterOrDigit(c) || c is '+' or '/' or '=';
            (run, digit) = part ? (run + 1, digit || char.IsAsciiDigit(c)) : (0, false);
            if (run >= KeyRun && digit)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether a message about data that could not be read may contain a name. The name may be a part of a key there: digits and letters in turn.</summary>
    public static bool CanQuote(string name)
    {
        const int PieceRun = 8;
        const int MostTurns = 2;
        int run = 0;
        int turns = 0;
        char last = ' ';
        foreach (char c in name)
        {
            bool part = char.IsAsciiLetterOrDigit(c);
            turns = !part ? 0 : run > 0 && char.IsAsciiDigit(c) != char.IsAsciiDigit(last) ? turns + 1 : turns;
            run = part ? run + 1 : 0;
            last = c;
            if (run >= PieceRun && turns > MostTurns)
            {
                return false;
            }
        }

        return CanShow(name);
    }

    private static bool HasControls(string text)
    {
        foreach (char letter in text)
        {
            if (char.GetUnicodeCategory(letter) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
            {
                return true;
            }
        }

        return false;
    }
}
