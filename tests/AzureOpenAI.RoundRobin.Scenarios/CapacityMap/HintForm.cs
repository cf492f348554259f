namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>What a rejection says of when to come back.</summary>
internal enum HintForm
{
    /// <summary>The true time, in milliseconds rounded up.</summary>
    Exact,

    /// <summary>Whole seconds, rounded up.</summary>
    Seconds,

    /// <summary>Half of the true time, in milliseconds.</summary>
    Half,

    /// <summary>One second, always.</summary>
    Constant,

    None,

    /// <summary>Exact, in whole seconds, none and half, from one rejection to the next.</summary>
    Turns,
}
