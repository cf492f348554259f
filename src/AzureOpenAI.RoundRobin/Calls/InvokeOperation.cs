using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Transport;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>Runs the user's own operation on a pre-built client.</summary>
internal readonly struct InvokeOperation<T>(Func<PooledClient, CancellationToken, Task<T>> operation, bool namesState = false) : IOperation<T>
{
    private readonly Func<PooledClient, CancellationToken, Task<T>> _operation = operation;

    public static string Name => "invoke";

    public static bool EndsAttempt => true;

    public static bool MayRelocate => false;

    public static bool IsUserCode => true;

    public bool NamesModel => false;

    public bool NamesJob => false;

    public bool NamesState { get; } = namesState;

    public uint Affinity => 0;

    public TokenEstimate EstimateTokens() => default;

    /// <summary>The request inside the user's operation is not known, so each operation counts as a different request.</summary>
    public int Fingerprint() => OperationCount.Next();

    public Task<T> InvokeAsync(Attempt attempt, int number)
    {
        // The result may be lazy, as the SDK's streams are, and use the token after the attempt.
        attempt.IsTokenKept = true;
        try
        {
            return RequestScope.Run(attempt, _operation, static (operation, running) => operation(running.Endpoint.Pooled(), running.Token))
                ?? throw new InvalidOperationException("The operation returned no task.");
        }
#pragma warning disable CA1031 // Whatever the operation throws is an outcome, which the classifier judges.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return Task.FromException<T>(exception);
        }
    }

    public static bool TryTake(T result, Attempt attempt) => true;

    public void Check(T result, Attempt attempt, int number)
    {
    }
}
