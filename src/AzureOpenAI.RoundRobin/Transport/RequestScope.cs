using System.Runtime.CompilerServices;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Carries what a request is sent for from a call to the transport; the SDK has no other way to do so.</summary>
internal static class RequestScope
{
    private static readonly AsyncLocal<IRequestScope?> Running = new();

    /// <summary>What the requests of this flow are sent for.</summary>
    public static IRequestScope? Current => Running.Value;

    /// <summary>Marks the flow for as long as <paramref name="start"/> runs synchronously; what it started keeps the mark.</summary>
    public static TResult Run<TScope, TState, TResult>(TScope scope, TState state, Func<TState, TScope, TResult> start)
        where TScope : class, IRequestScope
    {
        // An operation of InvokeAsync may itself call a pool, and goes on as its own attempt after that.
        IRequestScope? outer = Running.Value;
        Running.Value = scope;
        try
        {
            return start(state, scope);
        }
        finally
        {
            Running.Value = outer;
        }
    }
}

/// <summary>What a request is sent for: an attempt, which learns that its request has left, and of what comes back.</summary>
internal interface IRequestScope
{
    /// <summary>Reads the headers of the answer.</summary>
    IAnswerListener AnswerListener { get; }

    /// <summary>Gets the status of the answer.</summary>
    IStatusListener StatusListener { get; }

    /// <summary>Counts the bytes of the answer as they come; null where the attempt does not count them.</summary>
    StrongBox<long>? Received { get; }

    /// <summary>The request leaves now.</summary>
    void Sends();
}
