namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>How an endpoint says for how long it wants to be left alone.</summary>
internal enum ChaosHint
{
    Exact,
    Seconds,
    Date,
    Azure,
    None,
}

/// <summary>One endpoint of a plan.</summary>
internal sealed class ChaosEndpointPlan
{
    public int Weight { get; init; }

    public int Priority { get; init; }

    public int? RequestsPerMinute { get; init; }

    public int? TokensPerMinute { get; init; }

    /// <summary>How many it takes in a window; without end while null.</summary>
    public int? WindowLimit { get; set; }

    public double WindowSeconds { get; set; }

    /// <summary>Each answer says how much of the window is left.</summary>
    public bool TellsLimits { get; set; }

    /// <summary>It is a provisioned deployment.</summary>
    public ChaosBucket? Bucket { get; init; }

    /// <summary>Nothing befalls it but that it has no room.</summary>
    public bool IsSteady => Spells.Count == 0 && WindowLimit is null && RequestsPerMinute is null && TokensPerMinute is null;

    public ChaosHint Hint { get; set; }

    public List<ChaosSpell> Spells { get; } = [];
}
