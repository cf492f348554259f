using AzureOpenAI.RoundRobin.Calls;

namespace AzureOpenAI.RoundRobin.Balancing.Queueing;

/// <summary>A call's place in the line. Completes with the attempt it was released to, or with null when its patience is over.</summary>
internal sealed class Waiter(Call call, long ticket, long deadline) : TaskCompletionSource<Attempt?>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public Call Call { get; } = call;

    /// <summary>Drawn once per call, so that a call that was released and failed stands where it stood.</summary>
    public long Ticket { get; } = ticket;

    /// <summary>When its patience ends.</summary>
    public long Deadline { get; } = deadline;

    /// <summary>
    /// The wait itself. Those who are let go in one moment go on in their order: the thread pool takes what one thread gives it last in first out, unless it is
    /// told to be fair, and then whoever stood first would ask last, and be the one that is rejected.
    /// </summary>
    public Task<Attempt?> InOrder() => Task.IsCompleted ? Task : Task.ContinueWith(
        static waiter => waiter.GetAwaiter().GetResult(), CancellationToken.None, TaskContinuationOptions.PreferFairness, TaskScheduler.Default);

    /// <summary>Its place while it stands in line.</summary>
    public LinkedListNode<Waiter>? Place { get; set; }
}
