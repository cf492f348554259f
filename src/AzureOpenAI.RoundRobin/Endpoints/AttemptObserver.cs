using System.ClientModel.Primitives;
using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Attempts;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>Stands before the transport of every client that the pool builds: tells the running attempt that its request has left, and its endpoint what the answer says of limits.</summary>
internal sealed class AttemptObserver : PipelinePolicy
{
    public static readonly AttemptObserver Instance = new();

    /// <summary>The attempt that runs in this flow; the SDK has no other way to carry it from a call to its pipeline.</summary>
    private static readonly AsyncLocal<Attempt?> Running = new();

    /// <summary>Where the running attempt counts what comes of its stream; null where it does not.</summary>
    public static StrongBox<long>? Received => Running.Value?.Received;

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
        (Endpoint? endpoint, AttemptTrace? trace) = Sending();
        ProcessNext(message, pipeline, currentIndex);
        Answered(message, endpoint, trace);
    }

    public override async ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        // Not the attempt itself: a user's operation may end before its request does, and the attempt is another's by then.
        (Endpoint? endpoint, AttemptTrace? trace) = Sending();
        await ProcessNextAsync(message, pipeline, currentIndex).ConfigureAwait(false);
        Answered(message, endpoint, trace);
    }

    private static (Endpoint? Endpoint, AttemptTrace? Trace) Sending()
    {
        if (Running.Value is not { } attempt)
        {
            return default;
        }

        attempt.IsSent = true;
        return (attempt.Endpoint, attempt.Trace);
    }

    private static void Answered(PipelineMessage message, Endpoint? endpoint, AttemptTrace? trace)
    {
        if (message.Response is { } response)
        {
            endpoint?.Hints.Hear(response.Headers);
            trace?.Answered(response.Status);
        }
    }
}
