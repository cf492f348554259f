using System.Diagnostics;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>
/// Runs a thousand times as fast as the system's clock, and is read as that is. So some millions of calls in a second are the thousands that a pool has, and the log of a limit is as long as a
/// pool's.
/// </summary>
internal sealed class QuickClock : TimeProvider
{
    private const long Times = 1_000;

    private static readonly long Start = Stopwatch.GetTimestamp();

    public override long GetTimestamp() => Times * (Stopwatch.GetTimestamp() - Start);
}
