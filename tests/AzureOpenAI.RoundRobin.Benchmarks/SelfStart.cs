using System.Diagnostics;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>Starts this program once more, with a command line of its own.</summary>
internal static class SelfStart
{
    /// <returns>The process, whose output is read and whose input can be closed.</returns>
    public static Process Of(params string[] line)
    {
        // The program itself, or `dotnet` with the program.
        string[] program = Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
        return Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. program, .. line]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
    }
}
