namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>In what way the server over which processes share fails.</summary>
internal enum RedisFaultKind
{
    /// <summary>Its process is killed, and started again empty.</summary>
    Killed,

    /// <summary>It keeps its connections and answers nothing.</summary>
    StandsStill,

    /// <summary>All that it says arrives up to 30 ms later, in order.</summary>
    Late,

    /// <summary>It loses all keys and goes on.</summary>
    Emptied,
}
