using System.ClientModel.Primitives;
using AzureOpenAI.RoundRobin.Attempts;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>Stands before the transport of every client that the pool builds, and tells the running attempt that its request has left.</summary>
internal sealed class AttemptObserver : PipelinePolicy
{
    public static readonly AttemptObserver Instance = new();

    /// <summary>The attempt that runs in this flow; the SDK has no other way to carry it from a call to its pipeline.</summary>
    private static readonly AsyncLocal<Attempt?> Running = new();

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

    public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        Sending();
        ProcessNext(message, pipeline, currentIndex);
    }

    public override ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        Sending();
        return ProcessNextAsync(message, pipeline, currentIndex);
    }

    private static void Sending()
    {
        if (Running.Value is { } attempt)
        {
            attempt.IsSent = true;
        }
    }
}
