using System.Diagnostics.CodeAnalysis;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Outcomes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>
/// A streamed answer, from its opening to its end. The loop takes a failure before the first content, and opens the stream at another endpoint; the caller gets a failure after
/// it.
/// </summary>
/// <remarks>
/// Sequence and enumerator in one object, as the compiler generates them, but once live the caller awaits the endpoint's own enumerator. Each enumeration is a call of its
/// own.
/// </remarks>
internal sealed partial class ChatStream(AttemptLoop loop, ChatRequest request, CancellationToken cancellationToken)
    : IAsyncEnumerable<ChatResponseUpdate>, IAsyncEnumerator<ChatResponseUpdate>, IUpdateTaker
{
    private readonly AttemptLoop _loop = loop;
    private readonly IEnumerable<ChatMessage> _messages = request.Messages;
    private readonly ChatOptions? _options = request.Options;
    private readonly uint _affinity = request.Affinity;
    private readonly CancellationToken _caller = cancellationToken;
    private CancellationTokenSource? _linked;
    private Attempt? _attempt;
    private IAsyncEnumerator<ChatResponseUpdate>? _updates;
    private List<ChatResponseUpdate>? _held;
    private byte _heldPassed;
    private Phase _phase;
    private bool _finished;
    private bool _ended;

    private enum Phase : byte
    {
        /// <summary>Not enumerated yet.</summary>
        Unclaimed,

        Unopened,

        /// <summary>Waiting for the first content.</summary>
        Opening,

        /// <summary>The caller has disposed it while it opened. The opening still uses the attempt, so it disposes the stream at its own end.</summary>
        Left,

        /// <summary>Passing on the updates that were held until the first content.</summary>
        Opened,

        Live,

        Over,
    }

    public ChatRequest Request => new(_messages, _options, _loop.IsMapped, _affinity);

    public ChatResponseUpdate Current { get; private set; } = null!;

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The caller disposes the enumerator.")]
    public IAsyncEnumerator<ChatResponseUpdate> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        bool hasOwn = cancellationToken.CanBeCanceled && cancellationToken != _caller;
        if (!hasOwn && Interlocked.CompareExchange(ref _phase, Phase.Unopened, Phase.Unclaimed) == Phase.Unclaimed)
        {
            return this;
        }

        CancellationTokenSource? linked = hasOwn && _caller.CanBeCanceled ? CancellationTokenSource.CreateLinkedTokenSource(_caller, cancellationToken) : null;
        CancellationToken caller = linked?.Token ?? (hasOwn ? cancellationToken : _caller);
        return new ChatStream(_loop, Request, caller) { _linked = linked, _phase = Phase.Unopened };
    }

    public ValueTask<bool> MoveNextAsync()
    {
        switch (_phase)
        {
            case Phase.Live:
                return MoveLive();
            case Phase.Unopened:
                return StartAsync();
            case Phase.Opened:
                return new(PassOn());
            default:
                return new(false);
        }
    }

    public ValueTask DisposeAsync()
    {
        if (_phase == Phase.Left || Interlocked.CompareExchange(ref _phase, Phase.Left, Phase.Opening) == Phase.Opening)
        {
            return default;
        }

        _phase = Phase.Over;
        return LetGoAsync();
    }

    private async ValueTask LetGoAsync()
    {
        try
        {
            if (Interlocked.Exchange(ref _updates, null) is { } updates)
            {
                await updates.DisposeAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            EndAttempt();
            _linked?.Dispose();
        }
    }

    /// <summary>Makes the next held update the current one. After the last of them the stream is live, or over.</summary>
    private bool PassOn()
    {
        Current = _held![_heldPassed++];
        if (_heldPassed == _held.Count)
        {
            _held = null;
            _phase = _ended ? Phase.Over : Phase.Live;
        }

        return true;
    }

    private ValueTask<bool> MoveLive()
    {
        ValueTask<bool> move;
        try
        {
            move = _updates!.MoveNextAsync();
            if (move.IsCompleted)
            {
                return new(Moved(move.GetAwaiter().GetResult()));
            }
        }
#pragma warning disable CA1031 // Whatever the client throws is an outcome, which the classifier judges.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return ValueTask.FromException<bool>(Interrupted(exception));
        }

        Await(null);
        return _attempt!.PendingUpdate.Wait(move, this);
    }

    /// <remarks>There is no attempt if the caller disposed the stream during the wait.</remarks>
    bool IUpdateTaker.Take(bool moved)
    {
        if (_attempt is not { } attempt)
        {
            return false;
        }

        attempt.Arrived();
        return Moved(moved);
    }

    Exception IUpdateTaker.Fail(Exception exception) => Interrupted(exception);

    /// <summary>Starts the deadline for the next update. No deadline runs while the caller handles an update.</summary>
    private void Await(TimeSpan? leftToContent)
    {
        long now = _loop.Balancer.Time.GetTimestamp();
        TimeSpan limit = _loop.Limits.AttemptTimeout;
        if (leftToContent is { } left && (limit == Timeout.InfiniteTimeSpan || left < limit))
        {
            limit = left > TimeSpan.Zero ? left : TimeSpan.FromTicks(1);
        }

        _attempt!.Sent(now);
        _attempt.Await(now, limit);
    }

    private bool Moved(bool moved)
    {
        if (moved)
        {
            Current = _updates!.Current;
            _finished |= Current.FinishReason is not null;
            if (Current.ConversationId is { } id)
            {
                _attempt!.Endpoint.Conversations?.Remember(id, _attempt.Endpoint.ChatClient!);
            }

            ReadUsage(Current);
            return true;
        }

        if (!_finished && _attempt!.Endpoint.IsSdkBacked)
        {
            // The SDK reports an error event, and a connection that closes early, as the end of the stream.
            throw new IOException($"Endpoint '{_attempt.Endpoint.Name}' ended its stream without a finish reason.");
        }

        _ended = true;
        _phase = _phase == Phase.Live ? Phase.Over : _phase;
        return false;
    }

    private void ReadUsage(ChatResponseUpdate update)
    {
        IList<AIContent> contents = update.Contents;
        for (int i = 0; i < contents.Count; i++)
        {
            if (contents[i] is UsageContent usage)
            {
                _attempt!.Usage = _attempt.Usage.Then(TokenCounts.Of(usage.Details));
            }
        }
    }
}
