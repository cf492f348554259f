namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>How long the client of a process lives.</summary>
internal enum ClientLife
{
    /// <summary>As long as the process.</summary>
    Whole,

    /// <summary>Each process has another client from a moment in the second half on, which has learned nothing.</summary>
    RolledOut,

    /// <summary>1 to 20 calls, then the next client, as functions that are started on demand.</summary>
    FewCalls,
}
