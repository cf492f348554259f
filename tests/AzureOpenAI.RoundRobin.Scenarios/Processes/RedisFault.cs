namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>What happens to the server over which processes share.</summary>
internal enum RedisFault
{
    /// <summary>Its process is killed, and started again empty.</summary>
    Killed,

    /// <summary>It keeps its connections and answers nothing.</summary>
    StandsStill,
}
