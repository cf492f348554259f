using System.Globalization;
using System.Runtime.InteropServices;

namespace AzureOpenAI.RoundRobin.Scenarios.Reporting;

/// <summary>A run as a page that is whole by itself.</summary>
internal static class ResultFile
{
    private const string Project = "tests/AzureOpenAI.RoundRobin.Scenarios";
    private const string Readme = Project + "/README.md";

    /// <summary>Where a run of everything goes by itself; null outside of the repository.</summary>
    public static string? Default => Root is { } root ? Path.Combine(root, "results", "scenarios.md") : null;

    /// <summary>Where a whole map goes by itself; null outside of the repository.</summary>
    public static string? Map => Root is { } root ? Path.Combine(root, "tests", "results", "capacity-map.md") : null;

    private static string? Root { get; } = FindRoot();

    /// <summary>The machine and the runtime, in words.</summary>
    public static string Machine { get; } = string.Create(
        CultureInfo.InvariantCulture,
        $"{Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, {RuntimeInformation.OSArchitecture}, .NET {Environment.Version}");

    /// <param name="title">The heading of the page.</param>
    /// <param name="path">The file.</param>
    /// <param name="line">The command line.</param>
    /// <param name="taken">How long the run took.</param>
    /// <param name="targets">A row for each scenario whose target was looked at.</param>
    /// <param name="tables">Headings, and the tables under them.</param>
    public static async Task WriteAsync(string title, string path, string[] line, TimeSpan taken, IReadOnlyList<TargetLine> targets, params (string Heading, IReadOnlyList<string> Rows)[] tables)
    {
        string full = Path.GetFullPath(path);
        List<string> page =
        [
            string.Create(CultureInfo.InvariantCulture, $"# {title}, {DateTime.UtcNow:yyyy-MM-dd}"),
            "",
            $"    {Command(line)}",
            "",
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Machine}, {taken.TotalSeconds:0} s. {targets.Count(target => target.IsMissed)} of {targets.Count} targets are missed. The [readme]({LinkFrom(Path.GetDirectoryName(full)!)}) says what the columns and the clients are."),
        ];
        if (targets.Count > 0)
        {
            page.AddRange(["", "## Targets", "", TargetLine.Header, .. targets.Select(target => target.ToString())]);
        }

        foreach ((string heading, IReadOnlyList<string> rows) in tables)
        {
            if (rows.Count > 0)
            {
                page.AddRange(["", $"## {heading}", "", .. rows]);
            }
        }

        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        await File.WriteAllTextAsync(full, string.Join('\n', page).ReplaceLineEndings("\n") + "\n");
    }

    /// <summary>Where the file goes is no part of what was measured.</summary>
    private static string Command(string[] line)
    {
        int file = Array.IndexOf(line, "--out");
        string[] rest = file < 0 ? line : [.. line[..file], .. line[(file + 2)..]];
        return $"dotnet run -c Release --project {Project}" + (rest.Length == 0 ? "" : " -- " + string.Join(' ', rest));
    }

    private static string LinkFrom(string folder) => Root is { } root && !Path.GetRelativePath(root, folder).StartsWith("..", StringComparison.Ordinal)
        ? Path.GetRelativePath(folder, Path.Combine(root, Readme)).Replace('\\', '/')
        : Readme;

    private static string? FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "RoundRobin.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName;
    }
}
