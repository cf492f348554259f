using System.Globalization;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>The tables of a run as a page that is whole by itself.</summary>
internal static class Results
{
    private const string Project = "tests/AzureOpenAI.RoundRobin.Benchmarks";
    private const string Option = "--results";

    /// <summary>Takes the file out of the command line.</summary>
    /// <param name="line">The command line.</param>
    /// <returns>The rest of it, and where the tables go: a run of everything writes them where it is told nothing too.</returns>
    public static (string[] Line, string? Path) Read(string[] line)
    {
        int option = Array.IndexOf(line, Option);
        if (option >= 0 && option + 1 < line.Length)
        {
            return ([.. line[..option], .. line[(option + 2)..]], Path.GetFullPath(line[option + 1]));
        }

        int filter = Array.FindIndex(line, static part => part is "--filter" or "-f");
        bool isWhole = filter >= 0 && line[(filter + 1)..].TakeWhile(static part => !part.StartsWith('-')).Contains("*");
        return (line, isWhole && Root() is { } root ? Path.Combine(root, "results", "benchmarks.md") : null);
    }

    /// <param name="path">The file.</param>
    /// <param name="line">The command line.</param>
    /// <param name="taken">How long the run took.</param>
    /// <param name="summaries">One for each class of benchmarks.</param>
    public static void Write(string path, string[] line, TimeSpan taken, IEnumerable<Summary> summaries)
    {
        Summary[] measured = [.. summaries.Where(static summary => summary.Reports.Length > 0)];
        if (measured.Length == 0)
        {
            return;
        }

        List<string> page =
        [
            string.Create(CultureInfo.InvariantCulture, $"# Benchmarks, {DateTime.UtcNow:yyyy-MM-dd}"),
            "",
            $"    dotnet run -c Release --project {Project} -- {string.Join(' ', line.Select(static part => part.Contains('*', StringComparison.Ordinal) ? $"'{part}'" : part))}",
            "",
            string.Create(CultureInfo.InvariantCulture, $"All tables in one run of {taken.TotalSeconds:0} s, .NET {Environment.Version}. What they say stands in `{Project}/README.md`."),
            "",
            "```",
            .. measured[0].HostEnvironmentInfo.ToFormattedString().Select(static part => part.TrimEnd()),
            "```",
        ];
        foreach (Summary summary in measured)
        {
            AccumulationLogger log = new();
            MarkdownExporter.GitHub.ExportToLog(summary, log);
            page.AddRange(["", $"## {summary.BenchmarksCases[0].Descriptor.Type.Name}", "", .. log.GetLog().Split('\n').Where(static part => part.StartsWith('|')).Select(static part => part.TrimEnd())]);
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, string.Join('\n', page) + "\n");
    }

    private static string? Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "RoundRobin.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName;
    }
}
