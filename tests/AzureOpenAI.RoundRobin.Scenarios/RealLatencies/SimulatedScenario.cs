namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>A row group of the second table.</summary>
internal sealed record SimulatedScenario(string Name, string What, IReadOnlyList<FakeModelSpec> Models)
{
    /// <summary>How long the answers are.</summary>
    public Sizes Sizes { get; init; } = Sizes.Mixed;

    public bool Streams { get; init; }

    /// <summary>Of the endpoints; null for equal ones.</summary>
    public IReadOnlyList<int>? Weights { get; init; }

    public double PerSecond { get; init; } = 5;

    public double Seconds { get; init; } = 120;

    /// <summary>A caller cancels its call after this.</summary>
    public double PatienceSeconds { get; init; } = 600;

    /// <summary>The limits are told in headers, and ours is a pool over the SDK's clients, which see them.</summary>
    public bool HasHeaders { get; init; }

    /// <summary>The tokens that calls ask for, by turns.</summary>
    public IReadOnlyList<int> MaxTokens { get; init; } = [];

    public IReadOnlyList<string>? Contestants { get; init; }

    /// <summary>The target is the figures of the SDK's own client in the same run.</summary>
    public bool IsAgainstPlain { get; init; }

    public required string Target { get; init; }

    public required Func<SimulatedResult, IEnumerable<string?>> Misses { get; init; }

    public Func<SimulatedResult, string>? Also { get; init; }
}

internal enum Sizes
{
    /// <summary>Log-normal with a median of 4 s and a sigma of 1, at most 90 s; one in ten takes 40 s.</summary>
    Mixed,

    /// <summary>Half of them take 0.4 s and half 40 s.</summary>
    Bimodal,

    /// <summary>Log-normal with a median of 60 ms and a sigma of 1, at most 2 s.</summary>
    Short,
}
