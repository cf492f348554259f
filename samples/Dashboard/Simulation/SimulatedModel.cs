namespace Dashboard.Simulation;

/// <summary>The answers of the simulated resources, long enough to watch them arrive.</summary>
internal static class SimulatedModel
{
    public static string Answer(string? question) =>
        $"You asked: “{question}” I am a simulated resource and know nothing of it. But I answered over real HTTP, word by word, "
        + "and if one of us fails before its first word, another takes over and you will not notice.";
}
