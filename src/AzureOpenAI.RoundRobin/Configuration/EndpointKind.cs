namespace AzureOpenAI.RoundRobin.Configuration;

internal enum EndpointKind
{
    /// <summary>Deployment in the path, <c>api-version</c> in the query.</summary>
    Classic,

    /// <summary>Path ends in <c>/openai/v1</c>, deployment in the body.</summary>
    V1,

    /// <summary>A chat client or an embedding generator that the user's code built.</summary>
    ReadyMade,
}
