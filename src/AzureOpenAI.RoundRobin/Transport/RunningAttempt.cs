using AzureOpenAI.RoundRobin.Balancing;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Carries the attempt that runs from a call to the transport; the SDK has no other way to do so.</summary>
internal static class RunningAttempt
{
    private static readonly AsyncLocal<Attempt?> Running = new();

    /// <summary>The attempt that runs in this flow.</summary>
    public static Attempt? Current => Running.Value;

    /// <summary>Marks the flow for as long as <paramref name="start"/> runs synchronously; what it started keeps the mark.</summary>
    public static TResult Observe<TState, TResult>(Attempt attempt, TState state, Func<TState, Attempt, TResult> start)
    {
        // An operation of InvokeAsync may itself call a pool, and goes on as its own attempt after that.
        Attempt? outer = Running.Value;
        Running.Value = attempt;
        try
        {
            return start(state, attempt);
        }
        finally
        {
            Running.Value = outer;
        }
    }
}
