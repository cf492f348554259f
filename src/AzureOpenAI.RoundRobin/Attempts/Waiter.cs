namespace AzureOpenAI.RoundRobin.Attempts;

/// <summary>A call's place in the line. Completes with the attempt it was released to, or with null when its patience is over.</summary>
internal sealed class Waiter(Call call, long ticket, long deadline) : TaskCompletionSource<Attempt?>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public Call Call { get; } = call;

    /// <summary>Drawn once per call, so that a call that was released and failed stands where it stood.</summary>
    public long Ticket { get; } = ticket;

    /// <summary>When its patience ends.</summary>
    public long Deadline { get; } = deadline;

    /// <summary>Its place while it stands in line.</summary>
    public LinkedListNode<Waiter>? Place { get; set; }
}
