using AzureOpenAI.RoundRobin.Balancing.Queueing;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>The balancer's answer to a call that asks for its next endpoint. <see cref="Kind"/> says which of the other members is set.</summary>
internal readonly struct PickResult
{
    public PickKind Kind { get; private init; }

    public Attempt? Attempt { get; private init; }

    public Waiter? Waiter { get; private init; }

    public TimeSpan Pause { get; private init; }

    public Refusal Refusal { get; private init; }

    /// <summary>With <see cref="Refusal.BeyondPatience"/> and <see cref="Refusal.QueueFull"/>: when an endpoint is expected to take calls, where that is known.</summary>
    public TimeSpan? ReadyIn { get; private init; }

    public static PickResult Of(Attempt attempt) => new() { Kind = PickKind.Attempt, Attempt = attempt };

    public static PickResult Queued(Waiter waiter) => new() { Kind = PickKind.Queued, Waiter = waiter };

    public static PickResult After(TimeSpan pause) => new() { Kind = PickKind.Pause, Pause = pause };

    public static PickResult Refused(Refusal refusal, TimeSpan? readyIn = null) => new() { Kind = PickKind.Refused, Refusal = refusal, ReadyIn = readyIn };
}

internal enum PickKind
{
    /// <summary>An attempt has begun.</summary>
    Attempt,

    /// <summary>The call waits in the queue.</summary>
    Queued,

    /// <summary>Every healthy endpoint has just failed this call: it asks again after a pause.</summary>
    Pause,

    /// <summary>No endpoint will take the call.</summary>
    Refused,
}

internal enum Refusal
{
    /// <summary>Every endpoint refuses its credentials, lacks its deployment, or has never answered and has a name that is not known: waiting does not help.</summary>
    Misconfigured,

    /// <summary>No endpoint will take calls within the time that this call may still wait.</summary>
    BeyondPatience,

    /// <summary>As many calls are queued as may be.</summary>
    QueueFull,

    /// <summary>The call goes to untried healthy endpoints only, and there is none.</summary>
    NoneUntried,

    /// <summary>A new configuration has no endpoint any more for the call's model, or not the client that keeps its conversation.</summary>
    Gone,

    /// <summary>The pool is disposed.</summary>
    Disposed,
}
