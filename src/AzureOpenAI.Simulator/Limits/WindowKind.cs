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
}
