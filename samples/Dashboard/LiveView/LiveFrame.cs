using AzureOpenAI.RoundRobin;

namespace Dashboard.LiveView;

/// <summary>One frame for the page. Totals count from the start of the pool; those of calls from the start of this client.</summary>
internal sealed record LiveFrame(
    long Time,
    int Waiting,
    CallTotals Calls,
    double? Median,
    double? Slowest,
    IReadOnlyList<LiveEndpoint> Endpoints,
    IReadOnlyList<LiveEvent> Events);

/// <summary>Calls, with any number of attempts.</summary>
/// <param name="Answered">Calls that were answered.</param>
/// <param name="MovedOn">Answered calls with more than one attempt.</param>
/// <param name="Lost">Calls that failed, except by their caller's fault.</param>
/// <param name="Cut">Lost calls that were streams, cut after their first content.</param>
/// <param name="Waits">Waits in the queue that have ended.</param>
/// <param name="LongestWait">The longest of these waits, in seconds.</param>
internal readonly record struct CallTotals(long Answered, long MovedOn, long Lost, long Cut, long Waits, double LongestWait);

/// <summary>One endpoint. Times are in seconds. <paramref name="ToldBy"/> is set where another process has found the reason.</summary>
internal sealed record LiveEndpoint(
    string Name,
    string? Deployment,
    EndpointState State,
    string? Reason,
    string? ToldBy,
    double? ReadyIn,
    int InFlight,
    long Answered,
    long RateLimited,
    long Failed,
    long InputTokens,
    long OutputTokens,
    long CachedTokens,
    double? Median,
    double? Slowest);

/// <summary>Something that happened, <paramref name="Count"/> times since the last frame.</summary>
internal sealed record LiveEvent(LiveEventKind Kind, string Endpoint, string? Reason, int Count);

internal enum LiveEventKind
{
    /// <summary>An attempt failed before its first content, so that its call may go to another endpoint.</summary>
    Failover,

    /// <summary>A stream was cut after its first content.</summary>
    Cut,

    /// <summary>The endpoint became unavailable.</summary>
    Unavailable,

    /// <summary>The endpoint is healthy again.</summary>
    Healthy,
}
