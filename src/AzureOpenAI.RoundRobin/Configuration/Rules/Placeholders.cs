using System.Text.RegularExpressions;

namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>Knows what stands where a value belongs: a reference that nothing has resolved, quotation marks that a shell kept, a placeholder of a template.</summary>
/// <remarks>
/// What it returns follows the name of a setting, and quotes no part of the text, which may contain a key. Each pattern is asked only where the text has what all its matches have:
/// compiling the patterns would be a tenth of what delays the first answer of a process, and nearly no text needs them.
/// </remarks>
internal static partial class Placeholders
{
    private const string IsPlaceholder = "is still a placeholder; put the value itself there.";
    private const string HasPlaceholder = "still has a placeholder in it; write the address of the resource, like https://my-resource.openai.azure.com.";
    private const string HasVariable = "has the name of a variable in it that was not replaced; put its value there.";

    /// <summary>For a key, a deployment and whatever else is one word.</summary>
    public static string? Find(string text) =>
        Reference(text) is { } reference ? reference
        : HasQuote(text) && Quotes().IsMatch(text) ? "begins or ends with a quotation mark; remove the quotation marks around it."
        : (text is ['<' or '{' or '[', ..] && Bracketed().IsMatch(text)) || (MayBeWord(text) && Word().IsMatch(text)) ? IsPlaceholder
        : null;

    /// <summary>What something else should have replaced before the text arrived here.</summary>
    public static string? Reference(string text) =>
        text is ['@', ..] && Vault().IsMatch(text)
            ? "is a Key Vault reference that was not resolved; App Service resolves it in an app setting, if the app's identity may read the secret; "
                + "elsewhere put the value itself there."
        : text is ['%' or '$' or '#' or '_', ..] && Variable().IsMatch(text) ? "is the name of a variable, which was not replaced; put its value there."
        : null;

    /// <summary>For an address.</summary>
    public static string? FindInAddress(string text) =>
        Find(text) is { } fault ? fault == IsPlaceholder ? HasPlaceholder : fault
        : IsExample(text) ? HasPlaceholder
        : VariableInside().IsMatch(text) ? HasVariable
        : BracketsInside().IsMatch(text) ? HasPlaceholder
        : null;

    /// <summary>For the host of an address that could be read.</summary>
    /// <param name="host">With its dots.</param>
    /// <param name="isAzures">Whether the first label is the name of a resource.</param>
    public static string? FindInHost(string host, bool isAzures)
    {
        string label = host.Split('.')[0];
        return IsExample(label) && (isAzures || label.StartsWith("your", StringComparison.OrdinalIgnoreCase)) ? HasPlaceholder : null;
    }

    private static bool IsExample(string text) => StartsWithAny(text, "endpoint", "resource", "instance", "my", "your") && Example().IsMatch(text);

    private static bool MayBeWord(string text) =>
        ContainsAny(text, "your", "change", "replace", "here") || StartsWithAny(text, "todo", "tbd", "xxx", "***", "...", "\u2026");

    private static bool HasQuote(string text)
    {
        foreach (char letter in text)
        {
            if (letter is '"' or '\'' or '`' or '\u2018' or '\u2019' or '\u201A' or '\u201C' or '\u201D' or '\u201E' or '\u00AB' or '\u00BB')
            {
                return true;
            }
        }

        return false;
    }

    private static bool StartsWithAny(string text, params string[] beginnings)
    {
        foreach (string beginning in beginnings)
        {
            if (text.StartsWith(beginning, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static bool ContainsAny(string text, params string[] parts)
    {
        foreach (string part in parts)
        {
            if (text.Contains(part, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    [GeneratedRegex(@"^@Microsoft\.(KeyVault|AppConfiguration)\(", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Vault();

    /// <summary>Of cmd, of bash, of PowerShell, of Azure DevOps, of GitHub. A key can begin with a dollar sign, so a plain name after it must look like a variable's.</summary>
    [GeneratedRegex(@"^(%\w+%|\$\{.*\}|\$\(.*\)|\$env:\w+|\$([A-Z][A-Z0-9_]*|\w*_\w*|[A-Za-z]*[Kk]ey)|#\{.*\}#?|__\w+__)$", RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Variable();

    [GeneratedRegex(@"\$\{[^}]*\}|\$\([^)]*\)|\$[A-Za-z_]\w*|%[A-Za-z_]\w*%")]
    private static partial Regex VariableInside();

    [GeneratedRegex("""^["'`\u2018\u2019\u201A\u201C\u201D\u201E\u00AB\u00BB]|["'`\u2018\u2019\u201A\u201C\u201D\u201E\u00AB\u00BB]$""")]
    private static partial Regex Quotes();

    [GeneratedRegex(@"^(<.*>|\{.*\}|\[.*\])$", RegexOptions.Singleline)]
    private static partial Regex Bracketed();

    [GeneratedRegex(@"<[^<>]*>|\{[^{}]*\}|\[[A-Za-z][^\[\]]*\]")]
    private static partial Regex BracketsInside();

    /// <summary>Words such as <c>your-api-key-1</c>, <c>PUT_YOUR_KEY_HERE</c>, <c>changeme</c>, <c>xxxx</c>: letters only, so that no key is taken for one.</summary>
    [GeneratedRegex(
        @"^(([a-z]+[-_ ])*your[-_ ]?(api|azure|open|key|secret|deployment|model|resource|endpoint|embedding|chat)[-_ a-z]*[0-9]{0,3}|([a-z]+[-_ ])*your[-_ ][-_ a-z]*[0-9]{0,3}"
        + @"|(change|replace)[-_ ]?(me|this)|(insert|enter|paste|put)[-_ ][-_ a-z]*[-_ ]here|todo|tbd|x{3,}|\*{3,}|\.{3,}|\u2026)$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Word();

    /// <summary>Names of resources in examples.</summary>
    [GeneratedRegex(
        "^((endpoint|resource|instance)([-_]?name)?|(my|your)[-_]?(azure[-_]?)?(open[-_]?ai[-_]?)?(resource|endpoint|instance|service|account|gateway|host)?([-_]?name)?)[-_]?[0-9]{0,3}$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Example();
}
