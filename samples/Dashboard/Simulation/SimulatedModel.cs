namespace Dashboard.Simulation;

/// <summary>What the simulated resources say: enough words that one sees them come.</summary>
internal static class SimulatedModel
{
    public static string Answer(string? question) =>
        $"You asked: “{question}” I am a simulated resource and know nothing of it. But I answered over real HTTP, word by word, "
        + "and if one of us fails before its first word, another takes over and you will not notice.";
}
