using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>Says what became of a text that should be JSON, where that can be seen: what shells, files and editors do to one.</summary>
/// <remarks>It quotes no part of the text, which contains keys, but single characters that no key has.</remarks>
internal static partial class BrokenJson
{
    private const string Elsewhere = "look there for a missing quote, comma, colon or bracket.";

    /// <returns>What is wrong, in words that follow the name of the text's origin.</returns>
    public static string Describe(string text, JsonException fault)
    {
        string trimmed = text.Trim();
        if (SomethingElse(trimmed) is { } other)
        {
            return other;
        }

        (int at, long position) = Find(text, fault);
        return $"is not valid JSON at line {fault.LineNumber + 1}, position {position + 1}; {Damage(trimmed) ?? At(text, at)}";
    }

    /// <summary>What the whole text is instead of JSON.</summary>
    private static string? SomethingElse(string text) =>
        text.Contains('\0', StringComparison.Ordinal) ? "has NUL characters, as a file does that was saved as UTF-16; save it as UTF-8."
        : Placeholders.Reference(text) is { } reference ? reference
        : Quoted().IsMatch(text) ? $"begins with a quotation mark; remove the quotes around the JSON array{(Escaped().IsMatch(text) ? " and the backslashes in it" : "")}."
        : Assignment().IsMatch(text) ? "begins with a name in front of the JSON array; remove everything before the [."
        : text.StartsWith("%5B", StringComparison.OrdinalIgnoreCase) || text.StartsWith("%7B", StringComparison.OrdinalIgnoreCase) ? "is URL-encoded; give the JSON array as it was before."
        : text.Contains("&quot;", StringComparison.OrdinalIgnoreCase) || text.Contains("&#34;", StringComparison.Ordinal)
            ? "has &quot; for quotation marks, as HTML does; write the quotation marks themselves."
        : text.StartsWith('[') || text.StartsWith('{') ? null
        : Web().IsMatch(text) ? $"is an address; set it to a JSON array of objects with {VariableNames.Endpoint} and {VariableNames.ApiKey}."
        : FilePath().IsMatch(text) ? "is the path of a file; give the JSON array that the file has in it."
        : Yaml().IsMatch(text) ? $"is YAML; write a JSON array of objects, like [{{ \"{VariableNames.Endpoint}\": \"https://...\" }}]."
        : IsBase64(text) ? "is base64; give the JSON array as it was before."
        : Placeholders.Find(text) ?? (text.StartsWith('\\') ? "begins with a backslash; remove the backslashes that a shell or a file has put into the JSON array." : null);

    /// <summary>What runs through the whole of it.</summary>
    private static string? Damage(string text) =>
        Escaped().IsMatch(text) ? "it has backslashes in front of its quotation marks or for its line breaks, which a shell, a file or other JSON has put there; remove them."
        : Careted().IsMatch(text) ? "it has ^ or ` in front of its quotation marks, as shells write them; remove these."
        : Doubled().IsMatch(text) ? "it has each quotation mark twice; write each once."
        : Single().IsMatch(text) ? "it has single quotation marks around names and texts; JSON has double ones."
        : Typographic().IsMatch(text) ? "it has typographic quotation marks, as word processors make them; write straight ones."
        : Bare().IsMatch(text) && !text.Contains('"', StringComparison.Ordinal) ? "it has no quotation marks, since a shell has removed them; put the whole array in single quotes there."
        : null;

    /// <summary>What stands at the position where it cannot be read any further.</summary>
    private static string At(string text, int at)
    {
        if (at >= text.TrimEnd().Length)
        {
            return Curled().IsMatch(text) ? "a quotation mark is missing, or is a typographic one, as word processors make them; write straight ones."
                : "it breaks off there: a quotation mark or a bracket is missing. A value that spans lines needs single quotes around it in a .env file or a shell.";
        }

        char before = text[..at].TrimEnd() is [.., var last] ? last : ' ';
        return text[at] switch
        {
            '{' or ',' when text.TrimStart() is ['{', ..] && before == '}' && !Opened(text, at) => "write [ ] around the objects, and a comma between them.",
            _ when before is ']' or '}' && !Opened(text, at) => "remove what stands behind the end of the array; several arrays become one.",
            '\n' or '\r' or '\t' => "a line or a tab ends a text there; write the text on one line, with its quotation mark at its end.",
            ';' => "write a comma in place of the semicolon.",
            '=' => "write a colon in place of the equals sign.",
            '#' => "remove the comment, or begin it with //.",
            '\'' => "write double quotation marks in place of single ones.",
            ',' when before is ',' or '[' or '{' => "remove a comma.",
            ',' or '}' or ']' when before == ':' => "a value is missing there.",
            '"' or '{' or '[' when before is '"' or '}' or ']' && Opened(text, at) => "a comma or a colon is missing in front of that.",
            '\u201C' or '\u201D' or '\u201E' or '\u2018' or '\u2019' or '\u00AB' or '\u00BB' => "write straight quotation marks in place of typographic ones.",
            > '~' => $"the character U+{(int)text[at]:X4} there is not JSON's; write the plain one that it looks like.",
            _ when Python().IsMatch(text[at..]) => "write true, false or null, where Python has True, False or None.",
            _ when before == '\\' => "write two backslashes, or none, in place of the one in front of that.",
            var letter when char.IsAsciiLetter(letter) && before is '{' or ',' => "write the name in double quotation marks.",
            var letter when char.IsAsciiLetter(letter) && before == ':' && text[at..] is not ['n' or 't' or 'f', ..] => "write the text in double quotation marks.",
            _ => Elsewhere,
        };
    }

    /// <summary>Whether an array or object is open at a position. Brackets in texts count too; they seldom stand in addresses and keys.</summary>
    private static bool Opened(string text, int at) => text[..at].Count(static c => c is '[' or '{') > text[..at].Count(static c => c is ']' or '}');

    /// <summary>The parser counts bytes of UTF-8, and people count characters.</summary>
    private static (int At, long Position) Find(string text, JsonException fault)
    {
        int start = 0;
        for (long line = fault.LineNumber ?? 0; line > 0; line--)
        {
            start = text.IndexOf('\n', start) + 1;
        }

        int at = start;
        for (long bytes = fault.BytePositionInLine ?? 0; bytes > 0 && at < text.Length; at++)
        {
            bytes -= char.IsSurrogate(text[at]) ? 2 : Encoding.UTF8.GetByteCount(text.AsSpan(at, 1));
        }

        return (at, at - start);
    }

    private static bool IsBase64(string text)
    {
        byte[] bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out int count) && Encoding.UTF8.GetString(bytes, 0, count).TrimStart('\uFEFF', ' ', '\r', '\n', '\t') is ['[' or '{', ..];
    }

    [GeneratedRegex("""^["'`\u2018\u201A\u201C\u201D\u201E\u00AB]\s*[\[{]""")]
    private static partial Regex Quoted();

    [GeneratedRegex("""^["']?[\[{\s]*\\+(["'rnt]|u0022)""")]
    private static partial Regex Escaped();

    [GeneratedRegex("""^(export\s+|set\s+|-\s+)?["']?[$A-Za-z_][\w:.]*["']?\s*[=:]\s*[|>]?\s*["']?\s*[\[{]""")]
    private static partial Regex Assignment();

    [GeneratedRegex(@"^https?://\S*$", RegexOptions.IgnoreCase)]
    private static partial Regex Web();

    [GeneratedRegex("""^(file:|@|@?~?[/\\]|\.{1,2}[/\\]|[A-Za-z]:[/\\])[^\[\]{}"\r\n]*$|^[^\[\]{}"\r\n]*\.json$""", RegexOptions.IgnoreCase)]
    private static partial Regex FilePath();

    [GeneratedRegex(@"^(---\s+)?(-\s+)?[A-Za-z_]\w*:(\s|$)|^---\s|^-\s")]
    private static partial Regex Yaml();

    [GeneratedRegex("""^[\[{\s^`]*[\^`]["]""")]
    private static partial Regex Careted();

    [GeneratedRegex("""^[\[{\s]*""\w""")]
    private static partial Regex Doubled();

    [GeneratedRegex(@"^[\[{\s]*'")]
    private static partial Regex Single();

    [GeneratedRegex(@"^[\[{\s]*[\u2018\u2019\u201A\u201C\u201D\u201E\u00AB\u00BB]")]
    private static partial Regex Typographic();

    [GeneratedRegex(@"[\u2018\u2019\u201C\u201D\u201E]")]
    private static partial Regex Curled();

    [GeneratedRegex(@"^[\[{\s]*[A-Za-z_]\w*\s*:")]
    private static partial Regex Bare();

    [GeneratedRegex(@"^(True|False|None)\b")]
    private static partial Regex Python();
}
