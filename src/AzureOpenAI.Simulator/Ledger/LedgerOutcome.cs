namespace AzureOpenAI.Simulator;

/// <summary>
/// How an attempt ended.
/// </summary>
public enum LedgerOutcome
{
    /// <summary>It has not ended yet.</summary>
    InProgress = 0,

    /// <summary>It was answered in full.</summary>
    Answered = 1,

    /// <summary>A limit rejected it with status 429.</summary>
    Throttled = 2,

    /// <summary>It was refused for what it is: wrong key, unknown path or deployment, filtered or malformed content.</summary>
    Refused = 3,

    /// <summary>A scripted fault took the place of the answer, or spoiled it.</summary>
    Faulted = 4,

    /// <summary>The client went away before the answer was complete.</summary>
    AbortedByClient = 5,

    /// <summary>The resource stopped listening, its connections were cut, or the simulator was disposed, before the answer was complete.</summary>
    CutByServer = 6,
}
