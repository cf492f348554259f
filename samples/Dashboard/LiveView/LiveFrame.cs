using AzureOpenAI.RoundRobin;

namespace Dashboard.LiveView;

/// <summary>What the page is sent. Totals are since the pool began; those of calls since this client began to watch.</summary>
internal sealed record LiveFrame(
    long Time,
    int Waiting,
    CallTotals Calls,
    double? Median,
    double? Slowest,
    IReadOnlyList<LiveEndpoint> Endpoints,
    IReadOnlyList<LiveEvent> Events);

/// <summary>Whole calls, however many attempts they took.</summary>
/// <param name="Answered">Calls that got their answer.</param>
/// <param name="MovedOn">Those of them that took more than one attempt.</param>
/// <param name="Lost">Calls that failed, by whosever fault but their caller's.</param>
/// <param name="Cut">Those of the lost that were streams, cut after their first words, which nobody else may finish.</param>
/// <param name="Waits">Waits in the line that are over.</param>
/// <param name="LongestWait">The longest of them, in seconds.</param>
internal readonly record struct CallTotals(long Answered, long MovedOn, long Lost, long Cut, long Waits, double LongestWait);

/// <summary>One endpoint. Times are in seconds.</summary>
internal sealed record LiveEndpoint(
    string Name,
    string? Deployment,
    EndpointState State,
    string? Reason,
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
    /// <summary>An attempt failed before its first words, so that its call may go on elsewhere.</summary>
    Failover,

    /// <summary>A stream was cut after its first words.</summary>
    Cut,

    /// <summary>The endpoint became unavailable.</summary>
    Unavailable,

    /// <summary>The endpoint is healthy again.</summary>
    Healthy,
}
