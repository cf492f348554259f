namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>How far a stream has come.</summary>
internal enum StreamPhase : byte
{
    /// <summary>Nobody enumerates it yet.</summary>
    Unclaimed,

    Unopened,

    /// <summary>Waiting for the first content.</summary>
    Opening,

    /// <summary>Its caller has disposed it while it opened. The attempt is in use until then, so whoever opens it lets go of it.</summary>
    Left,

    /// <summary>Passing on what was held until the first content came.</summary>
    Opened,

    Live,

    Over,
}
