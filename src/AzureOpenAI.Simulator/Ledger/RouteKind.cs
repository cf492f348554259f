namespace AzureOpenAI.Simulator;

/// <summary>
/// The two ways to address the service.
/// </summary>
public enum RouteKind
{
    /// <summary>A path that the service does not have.</summary>
    Unknown = 0,

    /// <summary><c>/openai/deployments/{deployment}/...?api-version=...</c>: the deployment is in the path.</summary>
    Classic = 1,

    /// <summary><c>/openai/v1/...</c>: the deployment is in the body.</summary>
    V1 = 2,
}
