namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>What the name of a host says about what is behind it.</summary>
internal enum AzureHost
{
    /// <summary>A gateway of the user's own, this machine: any path may be right.</summary>
    Unknown,

    /// <summary>A resource by its own name, or a region's host. Its paths are known.</summary>
    Resource,

    /// <summary>API Management, with whatever path prefix somebody gave it.</summary>
    ApiManagement,

    /// <summary>Where resources are, but without the name of one.</summary>
    NoResource,

    /// <summary>A web page for people.</summary>
    Portal,

    /// <summary>OpenAI's own service, which takes no <c>api-key</c> header.</summary>
    OpenAI,
}
