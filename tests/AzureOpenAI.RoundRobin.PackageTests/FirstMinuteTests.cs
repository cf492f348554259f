using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using AzureOpenAI.Simulator;

namespace AzureOpenAI.RoundRobin.PackageTests;

/// <summary>The commands of the readme for the first minute, each as it stands there, in a folder that has the packages where the readme packs them.</summary>
public sealed class FirstMinuteTests(Packages packages) : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("round-robin-minute-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("bash", "-c")]
    [InlineData("pwsh", "-Command")]
    public async Task The_folder_is_a_source_and_a_program_of_one_file_asks(string shell, string option)
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, shell)) || File.Exists(Path.Combine(folder, $"{shell}.exe"))), $"There is no {shell}.");
        string release = Path.Combine(_directory.FullName, "artifacts", "package", "release");
        Directory.CreateDirectory(release);
        foreach (string package in Directory.GetFiles(packages.Folder, "*.nupkg"))
        {
            File.Copy(package, Path.Combine(release, Path.GetFileName(package)));
        }

        // Settings and a cache of its own, so that nothing of them stays.
        Write("nuget.config", $"""<configuration><config><add key="globalPackagesFolder" value="{Path.Combine(_directory.FullName, "cache")}" /></config></configuration>""");
        string[] commands = [.. Readme.Blocks("README.md", "bash").Single(static block => block.Contains("nuget add source", StringComparison.Ordinal)).Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        Assert.Equal("dotnet pack -c Release", commands[0]);
        await DotNet.RunAsync(_directory.FullName, shell, $"{option} \"{commands[1].Replace("\"", "\\\"", StringComparison.Ordinal)}\"", new Dictionary<string, string>(), Cancellation);
        Assert.Contains("round-robin", await File.ReadAllTextAsync(Path.Combine(_directory.FullName, "nuget.config"), Cancellation), StringComparison.Ordinal);

        Write("ask.cs", Readme.Blocks("README.md", "csharp").Single(static block => block.StartsWith("#:package", StringComparison.Ordinal)));
        await using AzureOpenAISimulator azure = await AzureOpenAISimulator.StartAsync(static simulator => simulator.AddResource("contoso-sweden").AddResource("contoso-france"), Cancellation);

        Assert.Matches(@"\[contoso-(sweden|france)\] What does round-robin mean\?\s*$", await DotNet.RunAsync(_directory.FullName, "dotnet", "run ask.cs", InstalledTests.Variables(azure), Cancellation));
        Assert.Single(azure.Ledger.Snapshot());
    }

    public void Dispose() => _directory.Delete(recursive: true);

    private void Write(string file, string text) => File.WriteAllText(Path.Combine(_directory.FullName, file), text);
}
