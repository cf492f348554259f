using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>The limits of one call, from the options.</summary>
internal sealed class CallLimits
{
    public required TimeSpan MaxWait { get; init; }

    /// <summary>With this many calls in the queue of its model, a call that was not in it is refused.</summary>
    public int MaxWaiting { get; init; } = int.MaxValue;

    public required TimeSpan AttemptTimeout { get; init; }

    public TimeSpan? FirstContentTimeout { get; init; }

    /// <summary>The user's own transport; null where the pool made one, whose only timeout is the one on connecting.</summary>
    public HttpClient? GivenTransport { get; init; }

    /// <summary>The transport has no timeout but the one on connecting. Not read before a request: until then its owner may change it.</summary>
    public bool OnlyConnectingTimesOut => GivenTransport is not { } given || given.Timeout == Timeout.InfiniteTimeSpan;

    /// <summary>What the user's own code says of an exception; null where there is none.</summary>
    public ExceptionHook? Hook { get; init; }

    /// <summary>Whether the call goes on elsewhere after an exception, so that it does not end with it; null where it never does.</summary>
    public Func<Exception, bool>? GoesOn { get; init; }

    public int MaxAttempts { get; init; } = int.MaxValue;
}
