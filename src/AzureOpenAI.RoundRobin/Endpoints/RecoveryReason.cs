namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>Why an endpoint is available again without a probe.</summary>
internal enum RecoveryReason
{
    /// <summary>Its pause after a rejection is over, and its pace decides how many calls follow.</summary>
    CapacityKnown,

    /// <summary>It was ejected as stalled, or because another process said so, and answers after all.</summary>
    AnsweredAfterAll,

    /// <summary>It refused its key or lacked its deployment, and has another key or api-version now.</summary>
    Reconfigured,
}
