using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>The wait for a stream's next update, as the caller's <c>await</c> sees it. One object serves all updates of an attempt, and later attempts.</summary>
/// <remarks>
/// An async method would allocate for each update, or take a state machine from the runtime's pool, which misses when updates come in on changing threads. Used by one
/// wait at a time, as an enumerator is.
/// </remarks>
internal sealed class PendingUpdate : IValueTaskSource<bool>
{
    private readonly Action _onArrived;
    private ManualResetValueTaskSourceCore<bool> _result;
    private ConfiguredValueTaskAwaitable<bool>.ConfiguredValueTaskAwaiter _move;
    private IUpdateTaker? _taker;

    public PendingUpdate() => _onArrived = OnArrived;

    /// <summary>A wait has begun whose result was not fetched. The object must not serve another stream, which could get that result.</summary>
    public bool IsAwaited => Volatile.Read(ref _taker) is not null;

    /// <summary>Waits for a <c>MoveNextAsync</c> that is not complete; <paramref name="taker"/> turns its result into the caller's.</summary>
    public ValueTask<bool> Wait(ValueTask<bool> move, IUpdateTaker taker)
    {
        Volatile.Write(ref _taker, taker);
        _move = move.ConfigureAwait(false).GetAwaiter();
        // Last: once the continuation is registered, another thread may complete this wait and begin the next before this returns.
        ValueTask<bool> result = new(this, _result.Version);
        _move.UnsafeOnCompleted(_onArrived);
        return result;
    }

    bool IValueTaskSource<bool>.GetResult(short token)
    {
        bool moved = false;
        IUpdateTaker? taker = _taker;
        try
        {
            moved = _result.GetResult(token);
        }
        finally
        {
            // It would keep its caller's execution context until the next wait.
            _result.Reset();
            Volatile.Write(ref _taker, null);
            if (!moved)
            {
                // The last thing done here, since this may serve another stream from here on.
                taker?.Ended();
            }
        }

        return moved;
    }

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _result.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _result.OnCompleted(continuation, state, token, flags);

    private void OnArrived()
    {
        IUpdateTaker taker = _taker!;
        bool moved;
        try
        {
            moved = taker.Take(_move.GetResult());
        }
#pragma warning disable CA1031 // Whatever the client throws is an outcome, which the taker judges.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            if (taker.Fail(exception) is { } failure)
            {
                _result.SetException(failure);
                return;
            }

            moved = false;
        }

        _result.SetResult(moved);
    }
}

/// <summary>Takes the result of a <see cref="PendingUpdate"/>.</summary>
internal interface IUpdateTaker
{
    /// <param name="moved">Whether there is another update.</param>
    /// <returns>The same for the caller.</returns>
    bool Take(bool moved);

    /// <param name="exception">What the client threw.</param>
    /// <returns>What the caller is told; null if there is no other update, and nothing is missing.</returns>
    Exception? Fail(Exception exception);

    /// <summary>The caller has been told that there is no other update, or what went wrong.</summary>
    void Ended();
}
