using System.Diagnostics;

namespace Agent;

/// <summary>This program once more, whether it runs as itself or under <c>dotnet</c>. It writes to the same console.</summary>
internal static class SecondProcess
{
    /// <returns>Its exit code.</returns>
    public static async Task<int> RunAsync(string argument)
    {
        string program = Environment.ProcessPath!;
        bool isHost = Path.GetFileNameWithoutExtension(program) == "dotnet";
        using Process process = Process.Start(new ProcessStartInfo(program, isHost ? [typeof(SecondProcess).Assembly.Location, argument] : [argument]))!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
