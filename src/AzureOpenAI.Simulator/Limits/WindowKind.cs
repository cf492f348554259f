namespace AzureOpenAI.Simulator;

/// <summary>
/// How a limit is judged over its window. Each kind admits the limit in the long run; they differ in when.
/// </summary>
public enum WindowKind
{
    /// <summary>Windows follow one another, aligned to the start of the simulator; the count starts at zero in each.</summary>
    Fixed = 0,

    /// <summary>A log: the window always ends now; each request leaves the count when it is as old as the window is long.</summary>
    Sliding = 1,

    /// <summary>
    /// A sliding window counter: fixed windows, where what came in the previous one counts by the share of it that lies less than a window ago. At the end of the first quarter
    /// of a window the previous one counts three quarters.
    /// </summary>
    Weighted = 2,

    /// <summary>A token bucket: it holds what a window admits, and room comes back continuously.</summary>
    Bucket = 3,

    /// <summary>A leaky bucket without a burst: requests are admitted at an even pace only, one in each of the limit's parts of the window. An amount of tokens is admitted when all before it have drained.</summary>
    Leaky = 4,
}
