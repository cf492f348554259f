namespace AzureOpenAI.RoundRobin;

/// <summary>Timers that may outlive the call that makes them.</summary>
internal static class DetachedTimers
{
    /// <summary>A timer that does not keep its maker's execution context, and with it the maker's request, spans and log scopes.</summary>
    public static ITimer CreateDetachedTimer(this TimeProvider time, TimerCallback callback, object state, TimeSpan dueTime)
    {
        // A flow that is suppressed already must not be suppressed again.
        using AsyncFlowControl flow = ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow();
        return time.CreateTimer(callback, state, dueTime, Timeout.InfiniteTimeSpan);
    }
}
