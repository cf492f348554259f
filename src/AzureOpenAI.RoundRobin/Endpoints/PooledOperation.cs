using AzureOpenAI.RoundRobin.Attempts;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>Runs the user's own operation on a pre-built client.</summary>
internal readonly struct PooledOperation<T>(Func<PooledClient, CancellationToken, Task<T>> operation) : IOperation<T>
{
    private readonly Func<PooledClient, CancellationToken, Task<T>> _operation = operation;

    public static bool EndsAttempt => true;

    public static bool MayMove => false;

    public static bool IsUsersCode => true;

    public bool NamesModel => false;

    public uint Affinity => 0;

    public long EstimateTokens() => 0;

    /// <summary>What the operation asks for is not ours to see, so each counts as a different request.</summary>
    public int Fingerprint() => OperationCount.Next();

    public async ValueTask<T> InvokeAsync(Attempt attempt, int number) =>
        await AttemptObserver.Observe(attempt, _operation, static (operation, running) => operation(running.Endpoint.Pooled(), running.Token)).ConfigureAwait(false);
}
