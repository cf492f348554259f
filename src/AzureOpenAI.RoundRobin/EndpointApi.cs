namespace AzureOpenAI.RoundRobin;

/// <summary>Says which API of the service chat calls speak at an endpoint.</summary>
public enum EndpointApi
{
    /// <summary>Chat completions.</summary>
    Chat,

    /// <summary>The Responses API, on v1 addresses.</summary>
    Responses,
}
