using System.Runtime.ExceptionServices;
using System.Threading.Tasks.Sources;

namespace AzureOpenAI.RoundRobin.Balancing.Queueing;

/// <summary>A call's place in the queue, and its wait, which ends with the attempt that the call was released to, or with null when it may not wait any longer.</summary>
/// <remarks>
/// Its own task source, since thousands may wait. The call goes on where all threads take work from, in the order of the queue: what one thread hands to itself runs last in
/// first out.
/// <code>
///   T1 (the call) waits:  writes the state;   exchanges the continuation, if it is null
///   T2 ends the wait:     writes the result;  exchanges the continuation for Over
/// </code>
/// Of the two exchanges one comes first: T2 finds T1's continuation and lets it run, or T1 finds that the wait is over.
/// </remarks>
internal sealed class Waiter(PickRequest request, long ticket, long deadline, Action<Waiter>? resume = null) : IValueTaskSource<Attempt?>, IThreadPoolWorkItem
{
    private static readonly Action<object?> Over = static _ => { };

    private readonly Action<Waiter>? _resume = resume;
    private Action<object?>? _continuation;
    private Action<object?>? _released;
    private object? _state;
    private object? _result;
    private int _isEnded;
    private int _placeByTicket = -1;
    private int _placeByDeadline = -1;

    public PickRequest Request { get; } = request;

    /// <summary>Drawn once per call, so that a call that was released and failed returns to its place.</summary>
    public long Ticket { get; } = ticket;

    /// <summary>When it may not wait any longer.</summary>
    public long Deadline { get; } = deadline;

    public bool IsOver => Volatile.Read(ref _continuation) == Over;

    /// <summary>What ended the wait, where it is over.</summary>
    public Attempt? Result
    {
        get
        {
            if (_result is Exception failure)
            {
                ExceptionDispatchInfo.Throw(failure);
            }

            return (Attempt?)_result;
        }
    }

    /// <summary>Where it stands in the queue; less than 0 when it is not there any more.</summary>
    public ref int PlaceByTicket => ref _placeByTicket;

    /// <inheritdoc cref="PlaceByTicket"/>
    public ref int PlaceByDeadline => ref _placeByDeadline;

    /// <summary>The wait; awaited once. It yields nothing: <see cref="Result"/> is read after it.</summary>
    public ValueTask<Attempt?> WaitAsync() => new(this, 0);

    /// <returns>False where it is over already.</returns>
    public bool TryEnd(Attempt? attempt) => TryEndWith(attempt);

    /// <inheritdoc cref="TryEnd"/>
    public bool TryFail(Exception failure) => TryEndWith(failure);

    /// <summary>The call goes on here and now.</summary>
    public void Execute() => _released!(_state);

    Attempt? IValueTaskSource<Attempt?>.GetResult(short token) => null;

    ValueTaskSourceStatus IValueTaskSource<Attempt?>.GetStatus(short token) => IsOver ? ValueTaskSourceStatus.Succeeded : ValueTaskSourceStatus.Pending;

    void IValueTaskSource<Attempt?>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        _state = state;
        if (Interlocked.CompareExchange(ref _continuation, continuation, null) is not null)
        {
            Resume(continuation);
        }
    }

    private bool TryEndWith(object? result)
    {
        if (Interlocked.Exchange(ref _isEnded, 1) != 0)
        {
            return false;
        }

        _result = result;
        if (Interlocked.Exchange(ref _continuation, Over) is { } continuation)
        {
            Resume(continuation);
        }

        return true;
    }

    private void Resume(Action<object?> continuation)
    {
        _released = continuation;
        if (_resume is null)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
        else
        {
            _resume(this);
        }
    }
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
