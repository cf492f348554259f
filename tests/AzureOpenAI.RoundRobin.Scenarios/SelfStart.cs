using System.Diagnostics;

namespace AzureOpenAI.RoundRobin.Scenarios;

/// <summary>How this program is started once more, whether it runs as itself or under <c>dotnet</c>.</summary>
internal static class SelfStart
{
    public static ProcessStartInfo With(IEnumerable<string> arguments)
    {
        string program = Environment.ProcessPath!;
        bool isHost = Path.GetFileNameWithoutExtension(program) == "dotnet";
        return new ProcessStartInfo(program, isHost ? [typeof(SelfStart).Assembly.Location, .. arguments] : arguments);
    }
}
