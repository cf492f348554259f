namespace AzureOpenAI.Simulator;

/// <summary>
/// What a request asks for.
/// </summary>
public enum ApiOperation
{
    /// <summary>A path that the service does not have.</summary>
    Unknown = 0,

    /// <summary>A chat completion.</summary>
    Chat = 1,

    /// <summary>Embeddings.</summary>
    Embeddings = 2,

    /// <summary>The list of models.</summary>
    Models = 3,

    /// <summary>A response of the Responses API: created, and streamed if asked for.</summary>
    Responses = 4,

    /// <summary>The reading of a stored response, whole or as a stream from an event on.</summary>
    ResponseRead = 5,

    /// <summary>The end of a background job before its time.</summary>
    ResponseCancel = 6,

    /// <summary>The deletion of a stored response.</summary>
    ResponseDelete = 7,

    /// <summary>A new conversation of the Responses API.</summary>
    Conversations = 8,
}
