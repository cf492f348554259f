namespace AzureOpenAI.RoundRobin;

/// <summary>Says why an attempt failed, or why an endpoint is not healthy. The metrics and logs have the same words in snake case, such as <c>rate_limited</c>.</summary>
public enum EndpointFailureReason
{
    /// <summary>The deployment has no capacity for the moment: status 429, or a 402 or 403 that says when to come back.</summary>
    RateLimited,

    /// <summary>No request was sent: the connection was refused or timed out, or the name or the TLS certificate was not accepted.</summary>
    Unreachable,

    /// <summary>The endpoint answered with a status of 500 or more, 424 or 529, reset the connection, or failed in a way for which there is no other member.</summary>
    Failed,

    /// <summary>A response began and could not be read, or ended without an answer, before any content had reached the caller.</summary>
    BrokenAnswer,

    /// <summary>A stream ended without its finish after content had reached the caller.</summary>
    Cut,

    /// <summary>The attempt took longer than <see cref="RoundRobinOptions.AttemptTimeout"/> or <see cref="RoundRobinOptions.FirstContentTimeout"/>.</summary>
    TimedOut,

    /// <summary>The endpoint accepted calls and answered none of them while the other endpoints went on answering.</summary>
    Stalled,

    /// <summary>The endpoint refused the key, the credential or the caller's network: status 401 or 403.</summary>
    CredentialRefused,

    /// <summary>The endpoint has no such deployment or path: status 404, or a redirect.</summary>
    MissingDeployment,
}
