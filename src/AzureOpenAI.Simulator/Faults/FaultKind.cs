namespace AzureOpenAI.Simulator;

/// <summary>
/// What a fault does.
/// </summary>
public enum FaultKind
{
    /// <summary>Answers with a given status, headers and body instead of the service.</summary>
    Response = 0,

    /// <summary>Reads the request and never answers. The connection stays open.</summary>
    NeverAnswer = 1,

    /// <summary>Resets the connection before headers.</summary>
    Reset = 2,

    /// <summary>Waits, then lets the request go on as usual.</summary>
    Delay = 3,

    /// <summary>Stops sending in the middle of the answer. The connection stays open.</summary>
    Stall = 4,

    /// <summary>Resets the connection in the middle of the answer.</summary>
    Cut = 5,

    /// <summary>Ends the answer cleanly in the middle.</summary>
    End = 6,

    /// <summary>Sends an error inside an answer of status 200.</summary>
    ErrorEvent = 7,

    /// <summary>Answers with another finish reason.</summary>
    FinishReason = 8,

    /// <summary>Ends a response of the Responses API with the status <c>failed</c>.</summary>
    Failed = 9,

    /// <summary>Sends an event of an unknown type inside a Responses stream.</summary>
    UnknownEvent = 10,
}
