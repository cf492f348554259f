using AzureOpenAI.RoundRobin.Scenarios.Clients;
using AzureOpenAI.RoundRobin.Scenarios.Load;
using AzureOpenAI.RoundRobin.Scenarios.Server;

namespace AzureOpenAI.RoundRobin.Scenarios.FleetS;

/// <summary>One row group of the table: a fleet with a script, a load, and what our client is to reach.</summary>
internal sealed record Scenario(string Name, string What, IReadOnlyList<ResourceSpec> Fleet, LoadPlan Load)
{
    /// <summary>The target in words.</summary>
    public required string Target { get; init; }

    /// <summary>Where the result misses it.</summary>
    public required Func<CellResult, IEnumerable<string?>> Misses { get; init; }

    /// <summary>A figure that only this scenario has.</summary>
    public Func<CellResult, string>? Also { get; init; }

    /// <summary>How long callers wait, for a client that can be told.</summary>
    public TimeSpan? Patience { get; init; }

    /// <summary>So many cells run side by side; fewer where they load the machine.</summary>
    public int SideBySide { get; init; } = 6;

    /// <summary>Where the result misses a target that is the figures of the SDK's own client in the same run.</summary>
    public Func<CellResult, CellResult, IEnumerable<string?>>? AgainstPlain { get; init; }

    /// <summary>Whose figures the target is for.</summary>
    public Contestant Judged { get; init; } = Contestant.Ours;

    public IReadOnlyList<Contestant> Contestants { get; init; } = Contestant.All;
}
