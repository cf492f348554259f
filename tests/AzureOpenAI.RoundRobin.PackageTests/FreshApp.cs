using System.Text.RegularExpressions;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.PackageTests;

/// <summary>Apps outside of the repository that have installed the packages as the readme says, each with a block of a readme for its program.</summary>
public sealed class FreshApp(Packages packages) : IAsyncLifetime
{
    /// <summary>Each app, where its program stands, words that only this block has, and a line that is added to it.</summary>
    private static readonly (string App, string Readme, string Words, string Added)[] Programs =
    [
        ("Environment", "README.md", "await foreach (ChatResponseUpdate update in chat", ""),
        ("Tools", "README.md", "read_thermometer", ""),
        ("Services", "README.md", "using IHost host = builder.Build();", "Console.WriteLine(await chat.GetResponseAsync(\"Hello\"));"),
        ("Tokens", "README.md", "counter.ContextWindow", ""),
        ("Simulation", "README.md", "azure.Ledger.Count(\"east\").Attempts", ""),
        ("InShort", "src/AzureOpenAI.RoundRobin/README.md", "CreateFromEnvironment", ""),
        ("Fleet", "src/AzureOpenAI.RoundRobin.Redis/README.md", "UseRedis", "Console.WriteLine(options.ToString() is not null && redis.IsConnected ? \"connected\" : \"alone\");"),
        ("TokensInShort", "src/AzureOpenAI.RoundRobin.Tokenizers/README.md", "read_thermometer", "Console.WriteLine($\"{tokens} of {tokens + room}\");"),
    ];

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("round-robin-apps-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        // A cache of its own: what another run has installed has the same version.
        Write("nuget.config", $"""
            <configuration>
              <config><add key="globalPackagesFolder" value="{Path.Combine(_directory.FullName, "cache")}" /></config>
              <packageSources><add key="packed" value="{packages.Folder}" /></packageSources>
            </configuration>
            """);
        await DotNet.RunAsync(_directory.FullName, "new console --name App --output First --no-restore", Cancellation);
        string install = Readme.Blocks("README.md", "bash").Single(static block => block.Contains("dotnet add package", StringComparison.Ordinal)).Trim();
        Assert.Equal("dotnet add package AzureOpenAI.RoundRobin", install);
        await DotNet.RunAsync(Path.Combine(_directory.FullName, "First"), install["dotnet ".Length..], Cancellation);
        string forTests = Regex.Match(Readme.Text("README.md"), "`(dotnet add package AzureOpenAI.Simulator)`").Groups[1].Value;
        await DotNet.RunAsync(Path.Combine(_directory.FullName, "First"), forTests["dotnet ".Length..], Cancellation);

        // The same for the others, at once.
        string project = await File.ReadAllTextAsync(Path.Combine(_directory.FullName, "First", "App.csproj"), Cancellation);
        string installed = Regex.Match(project, "<PackageReference Include=\"AzureOpenAI.RoundRobin\" Version=\"[^\"]+\" />").Value;
        project = project.Replace(
            installed,
            installed
            + installed.Replace("RoundRobin", "RoundRobin.Tokenizers", StringComparison.Ordinal)
            + installed.Replace("RoundRobin", "RoundRobin.Redis", StringComparison.Ordinal)
            + $"<PackageReference Include=\"Microsoft.Extensions.Hosting\" Version=\"{OwnVersion("Microsoft.Extensions.Hosting")}\" />",
            StringComparison.Ordinal);
        foreach ((string app, string readme, string words, string added) in Programs)
        {
            Write($"{app}/{app}.csproj", project);
            Write($"{app}/Program.cs", Readme.Blocks(readme, "csharp").Single(block => block.Contains(words, StringComparison.Ordinal)) + added);
        }

        Write("Apps.slnx", $"<Solution>{string.Concat(Programs.Select(static program => $"<Project Path=\"{program.App}/{program.App}.csproj\" />"))}</Solution>");
        await DotNet.RunAsync(_directory.FullName, "build Apps.slnx -warnaserror", Cancellation);
    }

    internal byte[] Read(string app, string file) => File.ReadAllBytes(Path.Combine(Output(app), file));

    /// <returns>What it wrote.</returns>
    internal Task<string> RunAsync(string app, IReadOnlyDictionary<string, string> variables) =>
        DotNet.RunAsync(_directory.FullName, "dotnet", $"\"{Path.Combine(Output(app), $"{app}.dll")}\"", variables, Cancellation);

    public ValueTask DisposeAsync()
    {
        _directory.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    private static string OwnVersion(string id) =>
        Regex.Match(File.ReadAllText(Path.Combine(Packages.Repository, "Directory.Packages.props")), $"Include=\"{Regex.Escape(id)}\" Version=\"([^\"]+)\"").Groups[1].Value;

    private string Output(string app) => Path.Combine(_directory.FullName, app, "bin", "Debug", "net10.0");

    private void Write(string file, string text)
    {
        string path = Path.Combine(_directory.FullName, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
