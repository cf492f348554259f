using System.Text.RegularExpressions;

namespace AzureOpenAI.RoundRobin.Tests;

/// <summary>The order of the rooms, and how large a type may be.</summary>
public sealed partial class ArchitectureTests
{
    private const int MostLines = 350;

    /// <summary>A room knows itself and the ones before it.</summary>
    private static readonly string[] Rooms = ["Configuration", "Outcomes", "Transport", "Telemetry", "Endpoints", "Balancing", "Calls", "Chat", "Embeddings", "Pool", "", "DependencyInjection"];

    private static readonly string[] Facades = ["EndpointPool", "RoundRobinChatClient", "RoundRobinEmbeddingGenerator", "AzureOpenAIRoundRobin"];

    private static readonly string Source = Path.Combine(Root(), "src", "AzureOpenAI.RoundRobin");

    public static TheoryData<string> Files => [.. Directory.EnumerateFiles(Source, "*.cs", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Source, file)).Where(file => !file.StartsWith("obj", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    [Fact]
    public void ARoom_KnowsNoLaterRoom() => Assert.Empty(
        from file in Files.Select(row => row.Data)
        let room = RoomOf(file.Replace('\\', '/'))
        from used in Usings().Matches(File.ReadAllText(Path.Combine(Source, file))).Select(match => match.Groups[1].Value).Where(used => Array.IndexOf(Rooms, used) >= 0)
        where Array.IndexOf(Rooms, used) > Array.IndexOf(Rooms, room)
        select $"{file}: {room} uses {used}, which comes after it.");

    [Fact]
    public void ARoom_DoesNotKnowTheFacades() => Assert.Empty(
        from file in Files.Select(row => row.Data)
        where Array.IndexOf(Rooms, RoomOf(file.Replace('\\', '/'))) < Array.IndexOf(Rooms, "")
        from facade in Facades
        where Regex.IsMatch(Code().Replace(File.ReadAllText(Path.Combine(Source, file)), ""), $@"\b{facade}\b")
        select $"{file}: uses {facade}, which is made of it.");

    [Fact]
    public void AType_AllItsPartialsTogether_IsShort() => Assert.Empty(
        Files.Select(row => row.Data)
            .GroupBy(file => Path.GetFileName(file).Split('.')[0])
            .Select(type => (Name: type.Key, Lines: type.Sum(file => File.ReadAllLines(Path.Combine(Source, file)).Length)))
            .Where(type => type.Lines > MostLines)
            .Select(type => $"{type.Name} has {type.Lines} lines, {MostLines} at most."));

    /// <summary>A class cut into files is still one class. Only generated code needs a part of its own.</summary>
    [Fact]
    public void AType_StandsInOneFile() => Assert.Empty(
        from file in Files.Select(row => row.Data)
        let text = File.ReadAllText(Path.Combine(Source, file))
        where Regex.IsMatch(text, @"\bpartial (class|struct|interface|record)\b") && !text.Contains("[LoggerMessage(", StringComparison.Ordinal) && !text.Contains("[GeneratedRegex(", StringComparison.Ordinal)
        select $"{file}: a partial type, though no code is generated for it.");

    [Fact]
    public void AFile_IsNamedAfterItsType() => Assert.Empty(
        from file in Files.Select(row => row.Data)
        let name = Path.GetFileName(file).Split('.')[0]
        where !Regex.IsMatch(File.ReadAllText(Path.Combine(Source, file)), $@"\b(class|struct|interface|enum|record|delegate .+) {name}\b")
        select $"{file} holds no type of its name.");

    private static string RoomOf(string file) => file.Contains('/', StringComparison.Ordinal) ? file.Split('/')[0] : "";

    /// <summary>Found from where the tests run: the paths that the compiler knows name no directory of this machine in a build for release.</summary>
    private static string Root()
    {
        DirectoryInfo directory = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "RoundRobin.sln")))
        {
            directory = directory.Parent ?? throw new InvalidOperationException($"There is no RoundRobin.sln above {AppContext.BaseDirectory}.");
        }

        return directory.FullName;
    }

    [GeneratedRegex(@"^using (?:static )?AzureOpenAI\.RoundRobin\.(\w+)", RegexOptions.Multiline)]
    private static partial Regex Usings();

    /// <summary>Comments and texts, in which anything may be named.</summary>
    [GeneratedRegex("""//.*$|\$?"[^"\n]*"|^namespace .*$|^using .*$""", RegexOptions.Multiline)]
    private static partial Regex Code();
}
