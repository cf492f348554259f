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

    public ChaosHint Hint { get; set; }

    public List<ChaosSpell> Spells { get; } = [];
}
