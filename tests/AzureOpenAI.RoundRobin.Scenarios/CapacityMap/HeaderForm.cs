namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>What the x-ratelimit headers of answers say.</summary>
internal enum HeaderForm
{
    /// <summary>There are none.</summary>
    Absent,

    /// <summary>What is true.</summary>
    Right,

    /// <summary>The first endpoint never has anything left, the second always has all, and of the others it is true.</summary>
    Lying,
}
