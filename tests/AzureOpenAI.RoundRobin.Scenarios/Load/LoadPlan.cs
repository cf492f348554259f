namespace AzureOpenAI.RoundRobin.Scenarios.Load;

/// <summary>Who calls, how often, and for how long.</summary>
internal sealed record LoadPlan
{
    /// <summary>Open loop: calls a second, evenly spaced, whether or not those before have been answered.</summary>
    public double PerSecond { get; init; }

    /// <summary>Closed loop: so many callers, each with one call at a time.</summary>
    public int Callers { get; init; }

    /// <summary>All of these at one instant.</summary>
    public int AtOnce { get; init; }

    public double Seconds { get; init; }

    public bool Streams { get; init; }

    /// <summary>Each so-manieth prompt is one that the content filter refuses.</summary>
    public int FilteredEach { get; init; }

    /// <summary>A caller cancels its call after this.</summary>
    public double PatienceSeconds { get; init; } = 30;
}
