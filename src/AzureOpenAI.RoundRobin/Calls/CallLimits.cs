namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>The limits of one call, from the options.</summary>
internal sealed class CallLimits
{
    public required TimeSpan MaxWait { get; init; }

    public required TimeSpan AttemptTimeout { get; init; }

    public TimeSpan? FirstContentTimeout { get; init; }

    /// <summary>The pool made its own transport, whose timeouts are known.</summary>
    public bool OwnTransport { get; init; }

    public int MaxAttempts { get; init; } = int.MaxValue;
}
