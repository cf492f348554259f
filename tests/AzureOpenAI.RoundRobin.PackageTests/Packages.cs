using System.Reflection;
using AzureOpenAI.RoundRobin.PackageTests;

[assembly: AssemblyFixture(typeof(Packages))]

namespace AzureOpenAI.RoundRobin.PackageTests;

/// <summary>The packages of this source, packed for this run into a folder of its own.</summary>
public sealed class Packages : IAsyncLifetime
{
    public static readonly string[] Ids = ["AzureOpenAI.RoundRobin", "AzureOpenAI.RoundRobin.Redis", "AzureOpenAI.RoundRobin.Tokenizers", "AzureOpenAI.Simulator"];

    /// <summary>Outside of the repository, so that nothing of its settings is inherited.</summary>
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("round-robin-packages-");

    public static string Repository { get; } =
        Path.GetFullPath(typeof(Packages).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static data => data.Key == "RepositoryDirectory").Value!);

    public string Folder => _directory.FullName;

    /// <summary>Apart from other builds, which may have left out what is only for a package; in the repository, whose paths are taken out of the symbols.</summary>
    private static string Artifacts => Path.Combine(Repository, "artifacts", "packed");

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(
            Path.Combine(Folder, "Packages.slnx"),
            $"<Solution>{string.Concat(Ids.Select(static id => $"<Project Path=\"{Path.Combine(Repository, "src", id, $"{id}.csproj")}\" />"))}</Solution>");
        await BuildAsync($"pack -o \"{Folder}\"");
    }

    /// <summary>Compiles all of it once more.</summary>
    internal Task<string> RebuildAsync() => BuildAsync("build --no-restore --no-incremental");

    internal static string Built(string id, string extension) => Path.Combine(Artifacts, "bin", id, "release", $"{id}.{extension}");

    internal Package Open(string id, string extension = "nupkg") => new(Assert.Single(Directory.GetFiles(Folder, $"{id}.?.*.{extension}")));

    public ValueTask DisposeAsync()
    {
        _directory.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    // The analyzers have said what they have to say when the solution was built.
    private Task<string> BuildAsync(string command) => DotNet.RunAsync(
        Repository, $"{command} \"{Path.Combine(Folder, "Packages.slnx")}\" -c Release -p:ContinuousIntegrationBuild=true -p:RunAnalyzers=false -p:ArtifactsPath=\"{Artifacts}\"", TestContext.Current.CancellationToken);
}
