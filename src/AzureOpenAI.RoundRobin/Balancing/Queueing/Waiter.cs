namespace AzureOpenAI.RoundRobin.Balancing.Queueing;

/// <summary>A call's place in the queue. Completes with the attempt that it was released to, or with null when it may not wait any longer.</summary>
internal sealed class Waiter(PickRequest request, long ticket, long deadline) : TaskCompletionSource<Attempt?>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    private int _placeByTicket = -1;
    private int _placeByDeadline = -1;

    public PickRequest Request { get; } = request;

    /// <summary>Drawn once per call, so that a call that was released and failed returns to its place.</summary>
    public long Ticket { get; } = ticket;

    /// <summary>When it may not wait any longer.</summary>
    public long Deadline { get; } = deadline;

    /// <summary>
    /// The wait itself. Continuations that one thread queues run last in first out; <see cref="TaskContinuationOptions.PreferFairness"/> keeps the queue's order for
    /// calls that are released at one moment.
    /// </summary>
    public Task<Attempt?> InOrder() => Task.IsCompleted ? Task : Task.ContinueWith(
        static waiter => waiter.GetAwaiter().GetResult(), CancellationToken.None, TaskContinuationOptions.PreferFairness, TaskScheduler.Default);

    /// <summary>Where it stands in the queue; less than 0 when it is not there any more.</summary>
    public ref int PlaceByTicket => ref _placeByTicket;

    /// <inheritdoc cref="PlaceByTicket"/>
    public ref int PlaceByDeadline => ref _placeByDeadline;
}

/// <summary>First come, first served.</summary>
internal readonly struct ByTicket : IHeapOrder<Waiter>
{
    public static long NumberOf(Waiter item) => item.Ticket;

    public static ref int PlaceOf(Waiter item) => ref item.PlaceByTicket;
}

/// <summary>By the end of their wait.</summary>
internal readonly struct ByDeadline : IHeapOrder<Waiter>
{
    public static long NumberOf(Waiter item) => item.Deadline;

    public static ref int PlaceOf(Waiter item) => ref item.PlaceByDeadline;
}
