using AzureOpenAI.RoundRobin.Balancing.Queueing;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>What the dispatcher tells a call that asked for its next endpoint: exactly one of an attempt, a place in the line, a pause, or no.</summary>
internal readonly struct Pick
{
    public Attempt? Attempt { get; private init; }

    public Waiter? Waiter { get; private init; }

    /// <summary>Every fit endpoint has just failed this very call: it comes back after this.</summary>
    public TimeSpan? Pause { get; private init; }

    public Refusal Refusal { get; private init; }

    /// <summary>With <see cref="Refusal.BeyondPatience"/>: when an endpoint is expected to be fit, if anyone knows.</summary>
    public TimeSpan? ReadyIn { get; private init; }

    public static Pick Of(Attempt attempt) => new() { Attempt = attempt };

    public static Pick InLine(Waiter waiter) => new() { Waiter = waiter };

    public static Pick After(TimeSpan pause) => new() { Pause = pause };

    public static Pick Refused(Refusal refusal, TimeSpan? readyIn = null) => new() { Refusal = refusal, ReadyIn = readyIn };
}

internal enum Refusal
{
    None,

    /// <summary>Every endpoint refuses its credentials or lacks its deployment; waiting mends nothing.</summary>
    Misconfigured,

    /// <summary>No endpoint will be fit while the call may still wait.</summary>
    BeyondPatience,

    /// <summary>A new configuration has no endpoint any more for the call's model, or not the client that keeps its conversation.</summary>
    Gone,

    /// <summary>The pool is disposed.</summary>
    Disposed,
}
