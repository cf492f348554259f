using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Balancing;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>Which attempts have their deadline running, which begins a moment after their client was asked.</summary>
internal static class AwaitedAttempts
{
    /// <summary>How many attempts of a pool are awaited now, or were until their deadline.</summary>
    public static int CountAwaited(this EndpointPool pool, FakeClock clock) =>
        InFlightOf(pool.Balancer).Snapshot().Count(attempt => !attempt.IsIdle && IsAwaited(attempt, clock));

    /// <summary>How many attempts have set the deadline of what they wait for.</summary>
    public static int CountArmed(this EndpointPool pool) =>
        InFlightOf(pool.Balancer).Snapshot().Count(static attempt => !attempt.IsIdle && Volatile.Read(ref ArmedOf(attempt)) > 0);

    /// <summary>How many attempts run, those at endpoints that have left the configuration as well.</summary>
    public static int CountRunning(this EndpointPool pool) => InFlightOf(pool.Balancer).Snapshot().Count(static attempt => !attempt.IsIdle);

    private static bool IsAwaited(Attempt attempt, FakeClock clock)
    {
        long armed = Volatile.Read(ref ArmedOf(attempt));
        long deadline = Volatile.Read(ref DeadlineOf(attempt));
        return armed < 0 || (armed > 0 && (deadline == long.MaxValue || clock.IsSet(attempt, deadline)));
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_inFlight")]
    private static extern ref InFlight InFlightOf(Balancer balancer);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_armed")]
    private static extern ref long ArmedOf(Attempt attempt);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_deadline")]
    private static extern ref long DeadlineOf(Attempt attempt);
}
