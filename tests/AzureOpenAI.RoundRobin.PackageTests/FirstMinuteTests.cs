using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using AzureOpenAI.Simulator;

namespace AzureOpenAI.RoundRobin.PackageTests;

/// <summary>The commands of the readme for the first minute, each as it stands there, in a folder that has the packages where the readme packs them.</summary>
public sealed class FirstMinuteTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("round-robin-minute-");
    private readonly string _packed;

    public FirstMinuteTests(Packages packages)
    {
        _packed = Path.Combine(_directory.FullName, "artifacts", "package", "release");
        Directory.CreateDirectory(_packed);
        foreach (string package in Directory.GetFiles(packages.Folder, "*.nupkg"))
        {
            File.Copy(package, Path.Combine(_packed, Path.GetFileName(package)));
        }
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A home of its own, since the settings of NuGet are the user's.</summary>
    private Dictionary<string, string> Home => new()
    {
        ["HOME"] = _directory.FullName,
        ["APPDATA"] = _directory.FullName,
        ["DOTNET_CLI_HOME"] = _directory.FullName,
        ["NUGET_PACKAGES"] = Path.Combine(_directory.FullName, "cache"),
    };

    [Theory]
    [InlineData("bash", "-c")]
    [InlineData("pwsh", "-Command")]
    public async Task The_folder_is_a_source_and_a_program_of_one_file_asks(string shell, string option)
    {
        string[] folders = Environment.GetEnvironmentVariable("PATH")?.Split(Path.PathSeparator) ?? [];
        Assert.SkipUnless(folders.Any(folder => new[] { shell, $"{shell}.exe" }.Any(file => File.Exists(Path.Combine(folder, file)))), $"There is no {shell}.");
        string[] commands = Readme.Blocks("README.md", "bash").Single(static block => block.Contains("nuget add source", StringComparison.Ordinal))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("dotnet pack -c Release", commands[0]);

        await DotNet.RunAsync(_directory.FullName, shell, $"{option} \"{commands[1].Replace("\"", "\\\"", StringComparison.Ordinal)}\"", Home, Cancellation);
        Assert.Contains(_packed, await DotNet.RunAsync(_directory.FullName, "dotnet", "nuget list source", Home, Cancellation), StringComparison.Ordinal);

        string program = Readme.Blocks("README.md", "csharp").Single(static block => block.StartsWith("#:package", StringComparison.Ordinal));
        await File.WriteAllTextAsync(Path.Combine(_directory.FullName, "ask.cs"), program, Cancellation);
        await using AzureOpenAISimulator azure = await InstalledTests.StartAsync();
        Dictionary<string, string> variables = new(Home.Concat(InstalledTests.Variables(azure)));

        Assert.Matches(@"\[contoso-(sweden|france)\] What does round-robin mean\?\s*$", await DotNet.RunAsync(_directory.FullName, "dotnet", "run ask.cs", variables, Cancellation));
        Assert.Single(azure.Ledger.Snapshot());
    }

    public void Dispose() => _directory.Delete(recursive: true);
}
