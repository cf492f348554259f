namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Carries the attempt of a request from the call to the transport; the SDK has no other way to do so.</summary>
internal static class RequestScope
{
    private static readonly AsyncLocal<IRequestScope?> Running = new();

    /// <summary>The attempt of this flow's requests.</summary>
    public static IRequestScope? Current => Running.Value;

    /// <summary>Sets the scope while <paramref name="start"/> runs synchronously; asynchronous work that it starts keeps it.</summary>
    public static TResult Run<TScope, TState, TResult>(TScope scope, TState state, Func<TState, TScope, TResult> start)
        where TScope : class, IRequestScope
    {
        // An operation of InvokeAsync may itself call a pool; after that its own scope is current again.
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

/// <summary>The attempt of a request: it is notified when the request is sent and when the answer comes.</summary>
internal interface IRequestScope
{
    /// <summary>Reads the headers of the answer.</summary>
    IAnswerListener AnswerListener { get; }

    /// <summary>Gets the status of the answer; null where the attempt is not traced.</summary>
    IStatusListener? StatusListener { get; }

    /// <summary>Counts the bytes of the answer as they come; null where the attempt does not count them.</summary>
    ReceivedBytes? Received { get; }

    /// <summary>The request leaves now.</summary>
    void Sends(EndpointMessage request);
}
