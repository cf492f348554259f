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

    /// <summary>So many conversations at once, each of <see cref="Turns"/> turns, one after the other: long prompts that grow.</summary>
    public int Conversations { get; init; }

    public int Turns { get; init; } = 10;

    /// <summary>The tokens that calls ask for, by turns; they count against limits before there is an answer.</summary>
    public IReadOnlyList<int> MaxTokens { get; init; } = [];

    /// <summary>Each call has a client of its own, made for it and disposed after it.</summary>
    public bool HasClientEach { get; init; }

    /// <summary>A caller cancels its call after this.</summary>
    public double PatienceSeconds { get; init; } = 30;
}
