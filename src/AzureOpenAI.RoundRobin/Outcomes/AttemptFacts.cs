namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>What is known of an attempt besides the exception that ended it.</summary>
internal readonly record struct AttemptFacts
{
    /// <summary>The caller's own token is cancelled.</summary>
    public bool CallerCancelled { get; init; }

    /// <summary>The pool's own deadline ended the attempt.</summary>
    public bool TimedOut { get; init; }

    /// <summary>The pool relocated the attempt, because its endpoint had stalled.</summary>
    public bool Relocated { get; init; }

    /// <summary>The client is SDK-backed, so the transport notes when its request is sent.</summary>
    public bool IsSdkBacked { get; init; }

    /// <summary>A request of this attempt reached the transport. For a ready-made client: its task was not complete at once.</summary>
    public bool Sent { get; init; }

    /// <summary>Content of this attempt has reached the caller.</summary>
    public bool Committed { get; init; }

    /// <summary>The deployment's name is the caller's <c>ModelId</c>, not the configuration's.</summary>
    public bool NameIsCallers { get; init; }

    /// <summary>The call goes on with a job of one endpoint, named by the caller's own continuation token.</summary>
    public bool JobIsCallers { get; init; }

    /// <summary>The operation is the user's own code, which may fail for reasons that are no endpoint's.</summary>
    public bool IsUserCode { get; init; }

    /// <summary>The pool's own transport carried the request; it has no timeout but the one on connecting.</summary>
    public bool OwnTransport { get; init; }
}
