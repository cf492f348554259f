#:package Microsoft.CodeAnalysis.CSharp@5.0.0
#:property ManagePackageVersionsCentrally=false
#:property PublishAot=false
#:property RestorePackagesWithLockFile=false

// Says how the library is built: sizes, who knows whom, and what goes against the order of the rooms. README.md beside this file says how to read it.
using System.Globalization;
using System.Text.Json;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

const int Longest = 15;

// A room is a folder, or a half of the root. A room may use those before it.
string[] order = [SourceFile.Data, "Configuration", "Outcomes", "Transport", "Telemetry", "Endpoints", "Balancing", "Calls", "Chat", "Embeddings", "Pool", SourceFile.Facades, "DependencyInjection"];

// What the compiler says of a method whose body a generator writes.
string[] ofGenerators = ["CS8795", "CS9248"];

string folder = Path.GetFullPath(args.FirstOrDefault()
    ?? Path.Combine((string)AppContext.GetData("EntryPointFileDirectoryPath")!, "..", "..", "src", "AzureOpenAI.RoundRobin"));
string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
string built = Path.Combine(folder, "..", "..", "artifacts", "bin", name, "release", name + ".deps.json");
if (!File.Exists(built))
{
    Console.Error.WriteLine($"measure.cs [FOLDER]: {name} is not built, so its packages are not known. First: dotnet build -c Release");
    return 2;
}

CSharpParseOptions language = new(LanguageVersion.Latest);
SourceFile[] files = [.. Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
    .Select(path => Path.GetRelativePath(folder, path).Replace('\\', '/'))
    .Where(path => !path.StartsWith("obj/", StringComparison.Ordinal) && !path.StartsWith("bin/", StringComparison.Ordinal))
    .Order(StringComparer.Ordinal)
    .Select(path => new SourceFile(path, CSharpSyntaxTree.ParseText(File.ReadAllText(Path.Combine(folder, path)), language, path)))];
SyntaxTree implicitUsings = CSharpSyntaxTree.ParseText(string.Concat(
    new[] { "System", "System.Collections.Generic", "System.IO", "System.Linq", "System.Net.Http", "System.Threading", "System.Threading.Tasks" }.Select(space => $"global using {space};\n")), language);
CSharpCompilation compilation = CSharpCompilation.Create(
    name,
    [implicitUsings, .. files.Select(file => file.Tree)],
    References(built),
    new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable));
Diagnostic[] errors = [.. compilation.GetDiagnostics().Where(said => said.Severity == DiagnosticSeverity.Error && !ofGenerators.Contains(said.Id))];
if (errors.Length > 0)
{
    Array.ForEach(errors[..Math.Min(20, errors.Length)], said => Console.Error.WriteLine(said));
    return 1;
}

// Nested types belong to the type around them.
Dictionary<ISymbol, SourceType> types = new(SymbolEqualityComparer.Default);
List<Body> bodies = [];
Dictionary<(SourceType From, SourceType To), int> references = [];
int nested = 0;
foreach (SourceFile file in files)
{
    SemanticModel model = compilation.GetSemanticModel(file.Tree);
    foreach (MemberDeclarationSyntax declaration in file.Tree.GetRoot().DescendantNodes().OfType<MemberDeclarationSyntax>().Where(IsType))
    {
        if (declaration.Parent is not (BaseNamespaceDeclarationSyntax or CompilationUnitSyntax))
        {
            nested++;
            continue;
        }

        ISymbol symbol = model.GetDeclaredSymbol(declaration)!;
        if (!types.TryGetValue(symbol, out SourceType? type))
        {
            types[symbol] = type = new SourceType(symbol.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat), file.Room, symbol.DeclaredAccessibility == Accessibility.Public);
        }

        type.Add(Lines(declaration), declaration.Modifiers.Any(SyntaxKind.PartialKeyword));
    }
}

foreach (SourceFile file in files)
{
    SemanticModel model = compilation.GetSemanticModel(file.Tree);
    foreach (SyntaxNode node in file.Tree.GetRoot().DescendantNodes(node => node is not UsingDirectiveSyntax))
    {
        if (Owner(node) is not { } declaration || !types.TryGetValue(model.GetDeclaredSymbol(declaration)!, out SourceType? from))
        {
            continue;
        }

        if (node is BaseMethodDeclarationSyntax or AccessorDeclarationSyntax or LocalFunctionStatementSyntax)
        {
            bodies.Add(new Body(from, Named(node), file.Path, Lines(node)));
        }

        if (node is SimpleNameSyntax { IsVar: false } or ImplicitObjectCreationExpressionSyntax && Target(model.GetSymbolInfo(node)) is { } symbol
            && types.TryGetValue(symbol, out SourceType? to) && to != from)
        {
            references[(from, to)] = references.GetValueOrDefault((from, to)) + 1;
        }
    }
}

SourceType[] all = [.. types.Values.OrderBy(type => type.Name, StringComparer.Ordinal).ThenBy(type => type.Room, StringComparer.Ordinal)];
string[] rooms = [.. order.Where(room => all.Any(type => type.Room == room)), .. all.Select(type => type.Room).Distinct().Except(order).Order(StringComparer.Ordinal)];

Say($"# The structure of {name}");
Sizes();
Matrix();
Backwards();
Components();
return 0;

void Sizes()
{
    int[] lengths = [.. files.Select(file => file.Lines).Order()];
    SourceType[] inParts = [.. all.Where(type => type.Parts > 1)];
    Table("Sizes", ["", "Number"],
    [
        ["Lines", Number(lengths.Sum())],
        ["Files", Number(lengths.Length)],
        ["Lines of the median file", Number(lengths[lengths.Length / 2])],
        ["Lines of the longest file", Number(lengths[^1])],
        ["Types", Number(all.Length)],
        ["Types within types", Number(nested)],
        ["Types in several parts", Number(inParts.Length)],
        ["Parts of those", Number(inParts.Sum(type => type.Parts))],
        ["Types in one part that a generator completes", Number(all.Count(type => type.Parts == 1 && type.IsPartial))],
        ["Types over 350 lines", Number(all.Count(type => type.Lines > 350))],
    ]);
    Table("Rooms", ["Room", "Files", "Lines", "Types", "Public types"], rooms.Select(room => new[]
    {
        room, Number(files.Count(file => file.Room == room)), Number(files.Where(file => file.Room == room).Sum(file => file.Lines)),
        Number(all.Count(type => type.Room == room)), Number(all.Count(type => type.Room == room && type.IsPublic)),
    }));
    Table("Largest types", ["Type", "Room", "Lines", "Parts"], all.OrderByDescending(type => type.Lines).Take(Longest)
        .Select(type => new[] { Code(type.Name), type.Room, Number(type.Lines), Number(type.Parts) }));
    Table("Longest methods", ["Method", "File", "Lines"], bodies.OrderByDescending(body => body.Lines).ThenBy(body => body.File, StringComparer.Ordinal).ThenBy(body => body.Name, StringComparer.Ordinal).Take(Longest)
        .Select(body => new[] { Code($"{body.Type.Name}.{body.Name}"), body.File, Number(body.Lines) }));
}

void Matrix()
{
    Table("Who knows whom", ["Row knows column", .. rooms], rooms.Select(from => rooms.Select(to => Cell(from, to)).Prepend(from).ToArray()));
    Say("Each cell is the number of references, and in brackets of the types that are referred to. It is bold where the two rooms know each other.");

    string Cell(string from, string to)
    {
        if (from == to)
        {
            return "-";
        }

        int count = Between(from, to).Sum(pair => pair.Value);
        string cell = $"{Number(count)} ({Between(from, to).Select(pair => pair.Key.To).Distinct().Count()})";
        return count == 0 ? "" : Between(to, from).Any() ? $"**{cell}**" : cell;
    }
}

IEnumerable<KeyValuePair<(SourceType From, SourceType To), int>> Between(string from, string to) =>
    references.Where(pair => pair.Key.From.Room == from && pair.Key.To.Room == to);

void Backwards()
{
    var wrong = references.Where(pair => pair.Key.From.Room != SourceFile.Data && IsBackwards(pair.Key.From, pair.Key.To)).ToArray();
    Edges($"Against the order: {Number(wrong.Length)} edges, {Number(wrong.Sum(pair => pair.Value))} references", wrong);
    Say($"The order: {string.Join(", ", order)}. A room may use those before it.");
    Edges("Plain data that knows a room", references.Where(pair => pair.Key.From.Room == SourceFile.Data && pair.Key.To.Room != SourceFile.Data));
    string[] strangers = [.. rooms.Except(order)];
    if (strangers.Length > 0)
    {
        Say($"No place in the order, so not judged: {string.Join(", ", strangers)}.");
    }
}

bool IsBackwards(SourceType from, SourceType to) =>
    order.Contains(from.Room) && order.Contains(to.Room) && Array.IndexOf(order, to.Room) > Array.IndexOf(order, from.Room);

void Edges(string title, IEnumerable<KeyValuePair<(SourceType From, SourceType To), int>> edges) =>
    Table(title, ["From", "To", "References"], edges
        .OrderBy(pair => Array.IndexOf(rooms, pair.Key.From.Room)).ThenBy(pair => Array.IndexOf(rooms, pair.Key.To.Room))
        .ThenBy(pair => pair.Key.From.Name, StringComparer.Ordinal).ThenBy(pair => pair.Key.To.Name, StringComparer.Ordinal)
        .Select(pair => new[] { $"{pair.Key.From.Room} {Code(pair.Key.From.Name)}", $"{pair.Key.To.Room} {Code(pair.Key.To.Name)}", Number(pair.Value) }));

// Types that all know each other, directly or by way of others.
void Components()
{
    ILookup<SourceType, SourceType> known = references.Keys.ToLookup(pair => pair.From, pair => pair.To);
    Dictionary<SourceType, HashSet<SourceType>> reached = all.ToDictionary(type => type, type =>
    {
        HashSet<SourceType> found = [];
        Stack<SourceType> open = new([type]);
        while (open.TryPop(out SourceType? at))
        {
            foreach (SourceType next in known[at].Where(found.Add))
            {
                open.Push(next);
            }
        }

        return found;
    });
    SourceType[][] circles = [.. all.Where(type => reached[type].Contains(type))
        .GroupBy(type => Array.Find(all, other => reached[type].Contains(other) && reached[other].Contains(type))!)
        .Select(group => group.ToArray()).OrderByDescending(circle => circle.Length).ThenBy(circle => circle[0].Name, StringComparer.Ordinal)];
    Table($"Types that know each other in a circle: {Number(circles.Length)} components, {Number(circles.Sum(circle => circle.Length))} types", ["Types", "Rooms", "Members"], circles.Select(circle => new[]
    {
        Number(circle.Length), string.Join(", ", rooms.Where(room => circle.Any(type => type.Room == room))), string.Join(", ", circle.Select(type => Code(type.Name))),
    }));
}

static void Say(string line) => Console.WriteLine(line + "\n");

static void Table(string title, string[] header, IEnumerable<string[]> rows)
{
    Say("## " + title);
    string[][] lines = [.. rows];
    if (lines.Length == 0)
    {
        Say("None.");
        return;
    }

    Console.WriteLine($"| {string.Join(" | ", header)} |");
    Console.WriteLine($"|{string.Join("|", header.Select((_, i) => i > 0 && lines.All(row => row[i].Length == 0 || char.IsDigit(row[i].TrimStart('*')[0]) || row[i] == "-") ? "--:" : "---"))}|");
    Say(string.Join('\n', lines.Select(row => $"| {string.Join(" | ", row)} |")));
}

static string Code(string text) => $"`{text}`";

static string Number(int number) => number.ToString("N0", CultureInfo.InvariantCulture);

static int Lines(SyntaxNode node)
{
    FileLinePositionSpan span = node.SyntaxTree.GetLineSpan(node.Span);
    return span.EndLinePosition.Line - span.StartLinePosition.Line + 1;
}

static bool IsType(SyntaxNode node) => node is BaseTypeDeclarationSyntax or DelegateDeclarationSyntax;

static SyntaxNode? Owner(SyntaxNode node) => node.AncestorsAndSelf().LastOrDefault(IsType);

static string Named(SyntaxNode node) => node switch
{
    MethodDeclarationSyntax method => method.Identifier.Text,
    LocalFunctionStatementSyntax function => function.Identifier.Text,
    ConstructorDeclarationSyntax => "new",
    AccessorDeclarationSyntax { Parent.Parent: PropertyDeclarationSyntax property } accessor => $"{property.Identifier.Text}.{accessor.Keyword.Text}",
    AccessorDeclarationSyntax accessor => accessor.Keyword.Text,
    _ => node.Kind().ToString(),
};

// The outermost type that a name stands for, or that the member stands in.
static ISymbol? Target(SymbolInfo info)
{
    ISymbol? symbol = info.Symbol ?? info.CandidateSymbols.FirstOrDefault();
    INamedTypeSymbol? type = symbol switch
    {
        INamedTypeSymbol named => named,
        IMethodSymbol or IPropertySymbol or IFieldSymbol or IEventSymbol => symbol.ContainingType,
        _ => null,
    };
    while (type?.ContainingType is { } outer)
    {
        type = outer;
    }

    return type?.OriginalDefinition;
}

// The framework that runs this program, and the packages that the build has found.
static IEnumerable<MetadataReference> References(string dependencies)
{
    string packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
    string own = AppContext.BaseDirectory;
    Dictionary<string, string> found = [];
    foreach (string path in ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Where(path => !path.StartsWith(own, StringComparison.Ordinal)))
    {
        found[Path.GetFileName(path)] = path;
    }

    using JsonDocument document = JsonDocument.Parse(File.ReadAllText(dependencies));
    foreach (JsonProperty library in document.RootElement.GetProperty("targets").EnumerateObject().First().Value.EnumerateObject())
    {
        if (library.Value.TryGetProperty("runtime", out JsonElement runtime))
        {
            foreach (JsonProperty file in runtime.EnumerateObject())
            {
                string path = Path.Combine(packages, library.Name.ToLowerInvariant(), file.Name);
                if (File.Exists(path))
                {
                    found[Path.GetFileName(path)] = path;
                }
            }
        }
    }

    return found.Values.Order(StringComparer.Ordinal).Select(path => MetadataReference.CreateFromFile(path));
}

internal sealed record SourceFile(string Path, SyntaxTree Tree)
{
    /// <summary>Options, statuses, exceptions and the like, which every room may use.</summary>
    public const string Data = "(root) data";

    /// <summary>What only the registration of services may use.</summary>
    public const string Facades = "(root) facades";

    private static readonly string[] OfFacades = ["EndpointPool", "RoundRobinChatClient", "RoundRobinEmbeddingGenerator", "AzureOpenAIRoundRobin"];

    public string Room { get; } = Path.Split('/') is [var folder, _, ..] ? folder : OfFacades.Contains(Path.Split('.')[0]) ? Facades : Data;

    public int Lines => Tree.GetText().ToString().Count(static sign => sign == '\n');
}

internal sealed class SourceType(string name, string room, bool isPublic)
{
    public string Name => name;

    public string Room => room;

    public bool IsPublic => isPublic;

    public int Lines { get; private set; }

    public int Parts { get; private set; }

    public bool IsPartial { get; private set; }

    public void Add(int lines, bool isPartial)
    {
        Lines += lines;
        Parts++;
        IsPartial |= isPartial;
    }
}

internal sealed record Body(SourceType Type, string Name, string File, int Lines);
