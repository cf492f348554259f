using AzureOpenAI.RoundRobin.Scenarios.Server;

namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>A fleet that several processes call, which know nothing of each other. Together they make <see cref="PerSecond"/> calls a second.</summary>
internal sealed record ProcessScenario(string Name, string What, IReadOnlyList<ResourceSpec> Fleet)
{
    public const double PerSecond = 60;
    public const double Seconds = 10;

    /// <summary>So many calls of all processes at one instant, instead of calls that are evenly spaced.</summary>
    public int AtOnce { get; init; }

    public ClientLife Life { get; init; }

    /// <summary>What becomes of Redis in the middle of the load; only where processes share.</summary>
    public RedisFault? RedisFault { get; init; }

    /// <summary>The limits are configured, the whole of each in every process; else they are learned.</summary>
    public bool IsConfigured { get; init; }

    /// <summary>The processes have met no failure before, so what follows on one runs for the first time in each.</summary>
    public bool IsFirstFailure { get; init; }

    /// <summary>How long callers wait, and our client with them.</summary>
    public double PatienceSeconds { get; init; } = 10;

    /// <summary>The target in words.</summary>
    public required string Target { get; init; }

    /// <summary>Where the result misses it.</summary>
    public required Func<ProcessResult, IEnumerable<string?>> Misses { get; init; }
}
