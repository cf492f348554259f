using System.Globalization;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>A prompt says which call it is and how long its answer takes, wherever it is asked.</summary>
internal static class Prompt
{
    public static string Of(int call, TimeSpan own) => string.Create(CultureInfo.InvariantCulture, $"{call} {own.Ticks}");

    public static (int Call, TimeSpan Own) Read(string prompt)
    {
        string[] parts = prompt.Split(' ');
        return (int.Parse(parts[0], CultureInfo.InvariantCulture), new TimeSpan(long.Parse(parts[1], CultureInfo.InvariantCulture)));
    }
}
