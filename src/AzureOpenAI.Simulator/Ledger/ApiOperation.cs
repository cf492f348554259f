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
}
