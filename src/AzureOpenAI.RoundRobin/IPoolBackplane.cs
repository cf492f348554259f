using System.Diagnostics.CodeAnalysis;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Carries what one process has learned of the endpoints to the others, so that they need not learn it at the expense of their own calls.
/// </summary>
/// <remarks>
/// Implementations are safe for concurrent use. A pool is subscribed until it is disposed. It neither disposes its backplane nor waits for it: where facts do not arrive, each process learns by itself, as it does
/// without one.
/// </remarks>
[Experimental("AOAIRR001")]
public interface IPoolBackplane
{
    /// <summary>Tells the other processes. It returns at once, and throws nothing; a fact that cannot be sent is dropped.</summary>
    /// <param name="fact">What the pool has found.</param>
    void Publish(in PoolFact fact);

    /// <summary>Begins to receive what others tell, and first all that holds at this moment. The subscriber's own facts may come too; it knows them by their <see cref="PoolFact.Source"/>.</summary>
    /// <param name="heard">Called for each fact, on any thread. It returns soon, and throws nothing.</param>
    /// <returns>Ends the subscription when disposed.</returns>
    IDisposable Subscribe(Action<PoolFact> heard);

    /// <summary>
    /// Gets how long a call that has no permit waits for an answer to <see cref="AskAsync"/>; 1 s by default, and 1 s at most. After that the process keeps its share of the limits by itself until the answer
    /// comes, which still counts: what it grants is used.
    /// </summary>
    TimeSpan AskTimeout => TimeSpan.FromSeconds(1);

    /// <summary>
    /// Asks for permits to start calls within limits that all processes share. Each limit holds for all starts together, whichever process makes them. A pool asks again only when it is answered, and no call
    /// waits for the answer while the process has permits; but a call that has none does, for <see cref="AskTimeout"/>. An answer that takes longer than 1 s is dropped.
    /// </summary>
    /// <param name="request">The limits, and how many permits are wished.</param>
    /// <param name="cancellationToken">Cancelled when the pool is disposed.</param>
    /// <returns>What is granted. By default nothing: each process decides alone.</returns>
    ValueTask<PermitReply> AskAsync(PermitRequest request, CancellationToken cancellationToken) => new(PermitReply.Alone);
}
