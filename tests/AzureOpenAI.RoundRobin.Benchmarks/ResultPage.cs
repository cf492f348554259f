using System.Globalization;
using System.Runtime.InteropServices;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>A page of figures: what it is, the command that measures them, and the machine.</summary>
internal static class ResultPage
{
    /// <param name="path">Null to write none.</param>
    /// <param name="title">What was measured.</param>
    /// <param name="mode">What stands behind the program's name.</param>
    /// <param name="taken">How long it took.</param>
    /// <param name="table">The lines of the table.</param>
    public static async Task WriteAsync(string? path, string title, string mode, TimeSpan taken, IEnumerable<string> table)
    {
        if (path is null)
        {
            return;
        }

        string[] page =
        [
            string.Create(CultureInfo.InvariantCulture, $"# {title}, {DateTime.UtcNow:yyyy-MM-dd}"),
            "",
            $"    dotnet run -c Release --project tests/AzureOpenAI.RoundRobin.Benchmarks -- {mode}",
            "",
            string.Create(
                CultureInfo.InvariantCulture,
                $"In one run of {taken.TotalSeconds:0} s: {Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription} {RuntimeInformation.ProcessArchitecture}, .NET {Environment.Version}."),
            "",
            .. table,
        ];
        await File.WriteAllTextAsync(path, string.Join('\n', page) + "\n");
    }
}
