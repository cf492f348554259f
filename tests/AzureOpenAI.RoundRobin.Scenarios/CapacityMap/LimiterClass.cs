namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>Kinds of limiters that have targets of their own.</summary>
internal enum LimiterClass
{
    Usual,

    /// <summary>A leaky bucket without a burst.</summary>
    Leaky,

    /// <summary>What is limited are the calls in flight.</summary>
    InFlight,

    /// <summary>What is there changes: by a neighbour, or since the limit is cut and restored.</summary>
    Changing,
}
