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

    /// <summary>The status of its answer, whose head has come; 0 if none has, and for a ready-made client.</summary>
    public int HeadStatus { get; init; }

    /// <summary>A client that the pool built got an answer with a success status.</summary>
    public bool HasSuccess => IsSdkBacked && HeadStatus is >= 200 and < 300;

    /// <summary>What the user's own code says of the exception; null where it says nothing.</summary>
    public EndpointFailureReason? Said { get; init; }

    /// <summary>Content of this attempt has reached the caller.</summary>
    public bool Committed { get; init; }

    /// <summary>The deployment's name is the caller's <c>ModelId</c>, not the configuration's.</summary>
    public bool NameIsCallers { get; init; }

    /// <summary>The call goes on with a job of one endpoint, named by the caller's own continuation token.</summary>
    public bool JobIsCallers { get; init; }

    /// <summary>The operation is the user's own code, which may fail for reasons that are no endpoint's.</summary>
    public bool IsUserCode { get; init; }

    /// <summary>The transport that carried the request, the pool's own or a given one, has no timeout but the one on connecting.</summary>
    public bool OnlyConnectingTimesOut { get; init; }
}
