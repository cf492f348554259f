namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>How an attempt ended.</summary>
internal enum OutcomeKind
{
    /// <summary>The endpoint answered.</summary>
    Answered,

    /// <summary>The caller's token is cancelled. No endpoint is ejected.</summary>
    Caller,

    /// <summary>The request is at fault at every endpoint. The exception surfaces as it is, and no endpoint is ejected.</summary>
    Request,

    /// <summary>429: the deployment has no capacity for the moment.</summary>
    RateLimited,

    /// <summary>404, or a redirect: there is no such deployment at this address.</summary>
    MissingDeployment,

    /// <summary>401 or 403: the resource refuses the key or the caller's network.</summary>
    CredentialRefused,

    /// <summary>Nothing was sent: refused, DNS, TLS, connect timeout.</summary>
    Unreachable,

    /// <summary>5xx, 424, a reset, or a failure of no other kind.</summary>
    Failed,

    /// <summary>A response began and could not be read, or ended without an answer, before any content.</summary>
    BrokenAnswer,

    /// <summary>A stream ended without its finish after content had reached the caller.</summary>
    Cut,

    /// <summary>The attempt timed out after it was sent.</summary>
    TimedOut,

    /// <summary>The endpoint made no progress with any call while the others went on answering.</summary>
    Stalled,
}
