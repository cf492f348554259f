using System.Diagnostics;
using System.Text;

namespace AzureOpenAI.RoundRobin.PackageTests;

/// <summary>The .NET command line, as a user has it.</summary>
internal static class DotNet
{
    /// <returns>What it wrote.</returns>
    public static Task<string> RunAsync(string directory, string arguments, CancellationToken token) => RunAsync(directory, "dotnet", arguments, new Dictionary<string, string>(), token);

    /// <summary>Runs a program to its end, which must be a good one.</summary>
    /// <returns>What it wrote.</returns>
    public static async Task<string> RunAsync(string directory, string program, string arguments, IReadOnlyDictionary<string, string> variables, CancellationToken token)
    {
        ProcessStartInfo start = new(program, arguments) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach ((string name, string value) in variables)
        {
            start.Environment[name] = value;
        }

        StringBuilder output = new();
        using Process process = new() { StartInfo = start };
        process.OutputDataReceived += Write;
        process.ErrorDataReceived += Write;
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await process.WaitForExitAsync(token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        string written = output.ToString();
        return process.ExitCode == 0 ? written : throw new InvalidOperationException($"{program} {arguments}: exit code {process.ExitCode}\n{written}");

        void Write(object sender, DataReceivedEventArgs line)
        {
            lock (output)
            {
                output.AppendLine(line.Data);
            }
        }
    }
}
