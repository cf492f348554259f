using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>The blocks of a readme, and what the compiler says of them.</summary>
internal static partial class Readme
{
    /// <summary>What the text around the blocks takes for given; a local of the same name hides it.</summary>
    private const string Surroundings = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;

        namespace Azure.Identity
        {
            public sealed class DefaultAzureCredential : Azure.Core.TokenCredential
            {
                public override Azure.Core.AccessToken GetToken(Azure.Core.TokenRequestContext context, CancellationToken token) => default;

                public override ValueTask<Azure.Core.AccessToken> GetTokenAsync(Azure.Core.TokenRequestContext context, CancellationToken token) => default;
            }
        }

        internal abstract class Reader
        {
            protected string[] args = null!;
            protected string keyOfSweden = null!, keyOfFrance = null!, keyOfJapan = null!;
            protected CancellationToken cancellationToken;
            protected Microsoft.Extensions.DependencyInjection.IServiceCollection services = null!;
            protected Microsoft.Extensions.Hosting.HostApplicationBuilder builder = null!;
            protected Microsoft.Extensions.Logging.ILoggerFactory loggerFactory = null!;
            protected Microsoft.Extensions.AI.IChatClient chat = null!, first = null!, second = null!, third = null!;
            protected AzureOpenAI.RoundRobin.EndpointPool pool = null!;
            protected AzureOpenAI.Simulator.AzureOpenAISimulator azure = null!;
            protected AzureOpenAI.Simulator.SimulatorOptions options = null!;
        }
        """;

    /// <summary>For a block that goes on from one before it, and so repeats none of its usings.</summary>
    private const string Earlier = """
        using AzureOpenAI.RoundRobin;
        using AzureOpenAI.RoundRobin.Tokenizers;
        using AzureOpenAI.Simulator;
        using Microsoft.Extensions.AI;
        using Microsoft.Extensions.Configuration;
        using Microsoft.Extensions.DependencyInjection;
        using Microsoft.Extensions.Hosting;
        """;

    private static readonly string Root =
        typeof(Readme).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static data => data.Key == "RepositoryDirectory").Value!;

    private static readonly MetadataReference[] References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(static path => MetadataReference.CreateFromFile(path)),
    ];

    /// <summary>Every page that people read, by its path from the root.</summary>
    public static IReadOnlyList<string> Pages { get; } =
    [
        "README.md", "CONTRIBUTING.md", "src/AzureOpenAI.RoundRobin/README.md", "src/AzureOpenAI.RoundRobin.Redis/README.md", "src/AzureOpenAI.RoundRobin.Tokenizers/README.md", "src/AzureOpenAI.Simulator/README.md",
        .. Directory.EnumerateFiles(Path.Combine(Root, "docs"), "*.md").Select(static path => $"docs/{Path.GetFileName(path)}").Order(StringComparer.Ordinal),
    ];

    public static string Text(string page) => File.ReadAllText(Path.Combine(Root, page)).ReplaceLineEndings("\n");

    /// <summary>The text under a heading of the second order, to the next one.</summary>
    public static string Section(string page, string heading) =>
        Text(page).Split("\n## ").SingleOrDefault(section => section.StartsWith(heading + "\n", StringComparison.Ordinal))
        ?? throw new ArgumentException($"{page} has no section '{heading}'.", nameof(heading));

    /// <summary>The source files of a project, by their paths from the root.</summary>
    public static string[] Sources(string project) =>
    [
        .. Directory.EnumerateFiles(Path.Combine(Root, project), "*.cs", SearchOption.AllDirectories).Select(static path => Path.GetRelativePath(Root, path).Replace('\\', '/')).Order(StringComparer.Ordinal),
    ];

    /// <summary>The cells of the table whose header begins so, row by row, with the code marks off.</summary>
    public static string[][] Table(string page, params string[] header)
    {
        string[][] rows = [.. Text(page).Split('\n')
            .Select(static line => line.StartsWith('|') ? line.Trim('|').Split('|').Select(static cell => cell.Replace("`", "", StringComparison.Ordinal).Trim()).ToArray() : [])];
        int start = Array.FindIndex(rows, row => row.Take(header.Length).SequenceEqual(header));
        return start < 0
            ? throw new ArgumentException($"{page} has no table '{string.Join(" | ", header)}'.", nameof(header))
            : [.. rows.Skip(start + 2).TakeWhile(static row => row.Length > 0)];
    }

    /// <summary>The targets of the links that lead neither elsewhere nor anywhere.</summary>
    public static string[] DeadLinks(string page)
    {
        string folder = Path.GetDirectoryName(Path.Combine(Root, page))!;
        return [.. Link().Matches(Text(page)).Select(static link => link.Groups["target"].Value).Where(target => !target.StartsWith("https://", StringComparison.Ordinal) && !Exists(target.Split('#')))];

        bool Exists(string[] parts)
        {
            string path = parts[0].Length == 0 ? Path.Combine(Root, page) : Path.Combine(folder, parts[0]);
            return Path.Exists(path) && (parts.Length == 1 || Headings(Path.GetRelativePath(Root, path)).Contains(parts[1]));
        }
    }

    /// <summary>As they are linked to.</summary>
    private static IEnumerable<string> Headings(string page) =>
        Heading().Matches(Text(page)).Select(static heading => NotInAnchors().Replace(heading.Groups["text"].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-'));

    public static string[] Blocks(string readme, string language) =>
        [.. Fence().Matches(Text(readme)).Where(block => block.Groups["language"].Value == language).Select(static block => block.Groups["text"].Value)];

    /// <summary>Puts a key of its own into each place for one.</summary>
    public static string WithKeys(string text)
    {
        int number = 0;
        return Regex.Replace(text, "<key>", _ => $"key-of-endpoint-{++number}");
    }

    /// <param name="block">A program; the packages that one without a project names are there already.</param>
    /// <returns>The errors.</returns>
    public static string[] Compile(string block)
    {
        CompilationUnitSyntax unit = CSharpSyntaxTree.ParseText(PackageLine().Replace(block, ""), cancellationToken: TestContext.Current.CancellationToken).GetCompilationUnitRoot(TestContext.Current.CancellationToken);
        string usings = unit.Usings.Count == 0 ? Earlier : unit.Usings.ToFullString();
        string types = string.Concat(unit.Members.Where(static member => member is not GlobalStatementSyntax).Select(static member => member.ToFullString()));
        string statements = string.Concat(unit.Members.OfType<GlobalStatementSyntax>().Select(static statement => statement.ToFullString()));
        string program = $$"""
            {{usings}}

            {{types}}

            internal sealed class Program : Reader
            {
                public async Task RunAsync()
                {
                    await Task.Yield();
                    {{statements}}
                }
            }
            """;
        CSharpCompilation compilation = CSharpCompilation.Create(
            "readme",
            [Parse(Surroundings), Parse(program)],
            References,
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable));
        return [.. compilation.GetDiagnostics(TestContext.Current.CancellationToken).Where(static said => said.Severity == DiagnosticSeverity.Error).Select(static said => said.ToString())];
    }

    private static SyntaxTree Parse(string text) => CSharpSyntaxTree.ParseText(text, cancellationToken: TestContext.Current.CancellationToken);

    [GeneratedRegex(@"^#:.*\n", RegexOptions.Multiline)]
    private static partial Regex PackageLine();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^#+ (?<text>.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();

    [GeneratedRegex(@"^```(?<language>\w+)\n(?<text>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();
}
