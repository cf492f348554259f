using System.Text.RegularExpressions;

namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>Knows what stands where a value belongs: a reference that nothing has resolved, quotation marks that a shell kept, a placeholder of a template.</summary>
/// <remarks>What it returns follows the name of a setting, and quotes no part of the text, which may contain a key.</remarks>
internal static partial class Placeholders
{
    private const string IsPlaceholder = "is still a placeholder; put the value itself there.";
    private const string HasPlaceholder = "still has a placeholder in it; write the address of the resource, like https://my-resource.openai.azure.com.";
    private const string HasVariable = "has the name of a variable in it that was not replaced; put its value there.";

    /// <summary>For a key, a deployment and whatever else is one word.</summary>
    public static string? Find(string text) =>
        Reference(text) is { } reference ? reference
        : Quotes().IsMatch(text) ? "begins or ends with a quotation mark; remove the quotation marks around it."
        : Bracketed().IsMatch(text) || Word().IsMatch(text) ? IsPlaceholder
        : null;

    /// <summary>What something else should have replaced before the text arrived here.</summary>
    public static string? Reference(string text) =>
        Vault().IsMatch(text)
            ? "is a Key Vault reference that was not resolved; App Service resolves it in an app setting, if the app's identity may read the secret; "
                + "elsewhere put the value itself there."
        : Variable().IsMatch(text) ? "is the name of a variable, which was not replaced; put its value there."
        : null;

    /// <summary>For an address.</summary>
    public static string? FindInAddress(string text) =>
        Find(text) is { } fault ? fault == IsPlaceholder ? HasPlaceholder : fault
        : Example().IsMatch(text) ? HasPlaceholder
        : VariableInside().IsMatch(text) ? HasVariable
        : BracketsInside().IsMatch(text) ? HasPlaceholder
        : null;

    /// <summary>For the host of an address that could be read.</summary>
    /// <param name="host">With its dots.</param>
    /// <param name="isAzures">Whether the first label is the name of a resource.</param>
    public static string? FindInHost(string host, bool isAzures)
    {
        string label = host.Split('.')[0];
        return Example().IsMatch(label) && (isAzures || label.StartsWith("your", StringComparison.OrdinalIgnoreCase)) ? HasPlaceholder : null;
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
