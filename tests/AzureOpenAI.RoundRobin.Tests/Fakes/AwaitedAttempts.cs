using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Attempts;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>Whose clocks run. A client is asked a moment before: a test that lets time pass in that moment would wait for ever.</summary>
internal static class AwaitedAttempts
{
    /// <summary>How many attempts of a pool are awaited now.</summary>
    public static int CountAwaited(this EndpointPool pool) =>
        AttemptsOf(pool.Dispatcher).Snapshot().Count(static attempt => !attempt.IsIdle && Volatile.Read(ref ArmedOf(attempt)) != 0);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_attempts")]
    private static extern ref AttemptCache AttemptsOf(Dispatcher dispatcher);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_armed")]
    private static extern ref long ArmedOf(Attempt attempt);
}
