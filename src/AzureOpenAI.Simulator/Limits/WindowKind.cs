namespace AzureOpenAI.Simulator;

/// <summary>
/// How the window of a limit moves.
/// </summary>
public enum WindowKind
{
    /// <summary>Windows follow one another, aligned to the start of the simulator; the count starts at zero in each.</summary>
    Fixed = 0,

    /// <summary>The window always ends now; each request leaves the count when it is as old as the window is long.</summary>
    Sliding = 1,

    /// <summary>
    /// A token bucket: room comes back continuously, so many requests or tokens as the limit says in each window, up to the room of a burst. Without a burst requests are
    /// admitted at an even pace only.
    /// </summary>
    Bucket = 2,
}
