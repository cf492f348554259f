namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>What happens to the server over which processes share, and when. Times are seconds after the load begins.</summary>
internal sealed record RedisFault(RedisFaultKind Kind, double At, double LastsFor = 0)
{
    public static RedisFault Killed { get; } = new(RedisFaultKind.Killed, At: 4, LastsFor: 2);

    public static RedisFault StandsStill { get; } = new(RedisFaultKind.StandsStill, At: 4, LastsFor: 2);

    public static RedisFault Late { get; } = new(RedisFaultKind.Late, At: 2, LastsFor: 4);

    public static RedisFault Emptied { get; } = new(RedisFaultKind.Emptied, At: 3);
}
