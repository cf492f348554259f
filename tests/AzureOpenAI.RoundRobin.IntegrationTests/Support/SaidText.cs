using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>A text, or a part of one, that the packages say to people: in exceptions, logs, faults of the configuration and health reports.</summary>
/// <param name="Place">Its file and line.</param>
/// <param name="Text">What it says, with … for what varies.</param>
internal sealed partial record SaidText(string Place, string Text)
{
    /// <summary>
    /// Says nothing to people: descriptions of instruments, which telemetry has; what is looked for in answers of the service; what the simulated service answers.
    /// </summary>
    private static readonly string[] Silent =
    [
        "Telemetry/Instruments.cs", "Redis/ConnectedGauge.cs", "Facts/FactScripts.cs", "Permits/PermitScript.cs", "Outcomes/RequestFault.cs", "Outcomes/ScarceTokens.cs", "Transport/InBandResponse.cs", "Chat/Responses/SealedChatClient.cs", "Wire/ErrorBodies.cs", "Exchanges/Refusal.cs",
    ];

    /// <summary>Matches what people see of it.</summary>
    public Regex Pattern { get; } = new(string.Join(".+?", Text.Split('…').Select(Regex.Escape)), RegexOptions.CultureInvariant);

    /// <summary>All of the packages, read from their sources.</summary>
    public static SaidText[] All() =>
    [
        .. Readme.Sources("src/AzureOpenAI.RoundRobin").SelectMany(static file => Of(file)),
        .. Readme.Sources("src/AzureOpenAI.RoundRobin.Redis").SelectMany(static file => Of(file)),
        .. Readme.Sources("src/AzureOpenAI.RoundRobin.Tokenizers").SelectMany(static file => Of(file)),
        // Names of faults and latencies are no sentences.
        .. Readme.Sources("src/AzureOpenAI.Simulator").SelectMany(static file => Of(file)).Where(static said => said.Text[^1] is '.' or ':' or '…'),
    ];

    /// <summary>The texts of a source file.</summary>
    public static IEnumerable<SaidText> Of(string page)
    {
        if (Silent.Any(page.EndsWith))
        {
            return [];
        }

        SyntaxTree tree = CSharpSyntaxTree.ParseText(Readme.Text(page));
        return tree.GetRoot().DescendantNodes(static node => !IsSilent(node)).OfType<ExpressionSyntax>()
            .Select(static node => (Node: node, Text: TextOf(node)))
            .Where(static found => found.Text is not null && IsSaid(found.Text))
            .Select(found => new SaidText($"{page}:{tree.GetLineSpan(found.Node.Span).StartLinePosition.Line + 1}", found.Text!));
    }

    public override string ToString() => $"{Place}: {Text}";

    private static bool IsSilent(SyntaxNode node) => node switch
    {
        AttributeSyntax attribute => $"{attribute.Name}" != "LoggerMessage",
        MethodDeclarationSyntax method => method.Identifier.Text == nameof(ToString),
        InvocationExpressionSyntax call => $"{call.Expression}" == "Debug.Assert",
        _ => false,
    };

    private static string? TextOf(ExpressionSyntax node) => node switch
    {
        LiteralExpressionSyntax literal when literal.IsKind(SyntaxKind.StringLiteralExpression) => Hole().Replace(literal.Token.ValueText, "…").Trim(),
        InterpolatedStringExpressionSyntax whole => string.Concat(whole.Contents.Select(static part => part is InterpolatedStringTextSyntax text ? Unescaped(text) : "…")).Trim(),
        _ => null,
    };

    private static string Unescaped(InterpolatedStringTextSyntax text) =>
        text.TextToken.ValueText.Replace("{{", "{", StringComparison.Ordinal).Replace("}}", "}", StringComparison.Ordinal);

    /// <summary>Two words at least; what is shorter is a name, or the end of a sentence.</summary>
    private static bool IsSaid(string text) => text.Replace("…", "", StringComparison.Ordinal).Trim().Contains(' ', StringComparison.Ordinal) && text.Count(char.IsAsciiLetter) >= 8;

    /// <summary>Of a log's template.</summary>
    [GeneratedRegex("{[A-Z][A-Za-z]*}")]
    private static partial Regex Hole();
}
