namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>Whether a deployment or a resource may be asked.</summary>
internal enum Condition
{
    /// <summary>As often as its turn comes.</summary>
    Fit,

    /// <summary>Half-open and in the rotation again: as many calls as it has admitted so far, one more for each, and then the rest.</summary>
    Returning,

    /// <summary>Half-open: one call at a time, to see whether it is admitted.</summary>
    Probing,

    /// <summary>Not at all, until its time has come.</summary>
    Out,
}
