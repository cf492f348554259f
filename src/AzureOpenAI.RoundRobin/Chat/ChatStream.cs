using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Attempts;
using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>
/// A streamed answer, from its opening to its end. Until its first content its failures are the loop's, which moves it to another endpoint;
/// after that they are the caller's.
/// </summary>
/// <remarks>
/// Sequence and enumerator in one object, as the compiler does it, but with nothing between the caller and the endpoint's own enumerator once
/// the content flows. Each enumeration is a call of its own.
/// </remarks>
internal sealed class ChatStream(AttemptLoop loop, ChatRequest request, CancellationToken cancellationToken)
    : IAsyncEnumerable<ChatResponseUpdate>, IAsyncEnumerator<ChatResponseUpdate>, IMoveTaker
{
    /// <summary>A stream that has said so much without any content is passed on as it is, and stays where it is.</summary>
    private const int MostHeld = 64;
    private const int MostHeldBytes = 64 * 1024;

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
        /// <summary>Nobody enumerates it yet.</summary>
        Unclaimed,

        Unopened,

        /// <summary>Passing on what was held until the first content came.</summary>
        Opened,

        Live,

        Over,
    }

    public ChatRequest Request => new(_messages, _options, _loop.IsMapped, _affinity);

    public ChatResponseUpdate Current { get; private set; } = null!;

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "Whoever enumerates disposes.")]
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

    /// <summary>Opens the stream at an endpoint and reads it up to its first content, which is then the current update unless others are held before it.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> OpenAsync(Attempt attempt, int number)
    {
        (_attempt, _updates, _held, _finished, _ended) = (attempt, null, null, false, false);
        attempt.Count();
        if (attempt.Endpoint.IsBuilt)
        {
            attempt.CountReceived();
        }

        _loop.See(attempt, StreamOperation.Name, number);
        try
        {
            TimeSpan? limit = _loop.Limits.FirstContentTimeout;
            long opened = limit is null ? 0 : _loop.Dispatcher.Time.GetTimestamp();
            while (true)
            {
                ValueTask<bool> move = _updates is null ? Open() : _updates.MoveNextAsync();
                if (!move.IsCompleted)
                {
                    Await(limit is null ? null : limit - _loop.Dispatcher.Time.GetElapsedTime(opened));
                }

                bool moved = await move.ConfigureAwait(false);
                attempt.Arrived();
                if (!Moved(moved) || Hold())
                {
                    break;
                }

                _loop.Dispatcher.Admitted(attempt, withContent: false);
            }

            MarkOrigin(number);
            return true;
        }
        catch
        {
            await DropAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _phase = Phase.Over;
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

    /// <summary>The first attempt, as <see cref="AttemptLoop"/> makes it for calls, but on pooled state machines: nothing of it outlives the first content.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> StartAsync()
    {
        _phase = Phase.Over;
        Exception? failure = null;
        Attempt? attempt = _loop.TryBegin(_affinity, _caller);
        if (attempt is not null)
        {
            attempt.IsMovable = _loop.Group.HasAlternatives;
            try
            {
                await OpenAsync(attempt, 1).ConfigureAwait(false);
                _loop.Opened(attempt);
            }
#pragma warning disable CA1031 // Whatever the client throws is an outcome, and the classifier's to judge.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                failure = exception;
            }
        }

        if (attempt is null || failure is not null)
        {
            await _loop.RecoverAsync<StreamOperation, bool>(new StreamOperation(this), attempt, failure, _caller).ConfigureAwait(false);
        }

        if (_held is not null)
        {
            _phase = Phase.Opened;
            return PassOn();
        }

        _phase = _ended ? Phase.Over : Phase.Live;
        return !_ended;
    }

    /// <summary>Keeps what comes before the first content, so that another endpoint can still take over.</summary>
    /// <returns>Whether the waiting is over.</returns>
    private bool Hold()
    {
        bool content = HasContent(Current);
        if (content)
        {
            _attempt!.IsMovable = false;
        }

        if (!content || _held is not null)
        {
            (_held ??= []).Add(Current);
        }

        return content || _held!.Count == MostHeld || HeldBytes() > MostHeldBytes;
    }

    /// <summary>What came over the wire, where that is ours; else what can be seen of the updates.</summary>
    private long HeldBytes()
    {
        if (_attempt!.Endpoint.IsBuilt)
        {
            return _attempt.Received!.Value;
        }

        return (_attempt.Received ?? _attempt.CountReceived()).Value += UpdateSize.Of(Current);
    }

    /// <summary>The next of the held updates. With the last of them the stream goes live, or is over.</summary>
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

    private ValueTask<bool> Open() => _attempt!.Endpoint.IsBuilt
        ? RunningAttempt.Observe(_attempt, this, static (stream, _) => stream.Begin())
        : Begin();

    private ValueTask<bool> Begin()
    {
        Endpoint endpoint = _attempt!.Endpoint;
        _updates = endpoint.ChatClient!
            .GetStreamingResponseAsync(_messages, Request.OptionsFor(endpoint), _attempt.Token)
            .GetAsyncEnumerator(_attempt.Token);
        return _updates.MoveNextAsync();
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
#pragma warning disable CA1031 // Whatever the client throws is an outcome, and the classifier's to judge.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return ValueTask.FromException<bool>(Interrupted(exception));
        }

        Await(null);
        return _attempt!.Move.Wait(move, this);
    }

    /// <remarks>Without an attempt the caller has disposed the stream although it waited.</remarks>
    bool IMoveTaker.Take(bool moved)
    {
        if (_attempt is not { } attempt)
        {
            return false;
        }

        attempt.Arrived();
        return Moved(moved);
    }

    Exception IMoveTaker.Fail(Exception exception) => Interrupted(exception);

    /// <summary>Starts the clock for the next update; not while the caller is busy with the last one.</summary>
    private void Await(TimeSpan? leftToContent)
    {
        long now = _loop.Dispatcher.Time.GetTimestamp();
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
                _attempt!.Endpoint.Conversations?.Remember(id, _attempt.Endpoint);
            }

            ReadUsage(Current);
            return true;
        }

        if (!_finished && _attempt!.Endpoint.IsBuilt)
        {
            // The SDK reports an error event, or a connection that was closed early, as the end of the stream.
            throw new IOException($"Endpoint '{_attempt.Endpoint.Name}' ended its stream without a finish reason.");
        }

        _ended = true;
        _phase = _phase == Phase.Live ? Phase.Over : _phase;
        return false;
    }

    /// <summary>What the caller is told of a failure after the first content.</summary>
    private Exception Interrupted(Exception exception)
    {
        _phase = Phase.Over;
        if (_attempt is not { } attempt)
        {
            return exception;
        }

        AttemptFacts facts = _loop.Facts(attempt, _caller) with { Committed = true, Sent = true };
        AttemptOutcome outcome = OutcomeClassifier.Classify(exception, facts, _loop.Dispatcher.Time.GetUtcNow());
        attempt.Interruption = new(outcome);
        attempt.Trace?.Take(outcome, endsCall: true);
        return outcome.Kind switch
        {
            OutcomeKind.Caller => Call.Cancelled(exception, _caller),
            OutcomeKind.Request => exception,
            _ => new ChatStreamInterruptedException(
                $"The stream of endpoint '{attempt.Endpoint.Name}' broke off after a part of the answer had been passed on. The answer is incomplete, and no other endpoint could take over.",
                attempt.Endpoint.Name, exception),
        };
    }

    private void EndAttempt()
    {
        if (Interlocked.Exchange(ref _attempt, null) is not { } attempt)
        {
            return;
        }

        Dispatcher dispatcher = _loop.Dispatcher;
        if (attempt.Interruption?.Value is { MayFailOver: true } outcome)
        {
            EndpointAttempt failure = Call.Describe(attempt.Endpoint, outcome, attempt.Took(dispatcher.Time.GetTimestamp()));
            dispatcher.Failed(attempt, outcome, failure, fingerprint: 0, blame: outcome.Kind == OutcomeKind.Cut);
        }
        else if (attempt.Interruption is null && _ended)
        {
            dispatcher.Succeeded(attempt, streamed: true);
        }
        else
        {
            // The caller walked away in the middle, after content: the endpoint did serve it.
            if (attempt.Interruption is null)
            {
                attempt.Trace?.Left();
            }

            dispatcher.Abandoned(attempt, answered: false, served: true);
        }
    }

    /// <summary>Lets go of an endpoint whose stream failed before its first content. What the disposal throws adds nothing to that.</summary>
    private async ValueTask DropAsync()
    {
        _attempt = null;
        if (Interlocked.Exchange(ref _updates, null) is { } updates)
        {
            try
            {
                await updates.DisposeAsync().ConfigureAwait(false);
            }
#pragma warning disable CA1031 // The failure that led here is the one that counts.
            catch
#pragma warning restore CA1031
            {
            }
        }
    }

    private static bool HasContent(ChatResponseUpdate update)
    {
        IList<AIContent> contents = update.Contents;
        for (int i = 0; i < contents.Count; i++)
        {
            if (contents[i] is not UsageContent and not TextContent { Text.Length: 0 } and not TextReasoningContent { Text.Length: 0, ProtectedData: null })
            {
                return true;
            }
        }

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

    private void MarkOrigin(int number)
    {
        if (_attempt!.Endpoint.IsBuilt && (_held is [{ } held, ..] ? held : _ended ? null : Current) is { } first)
        {
            AnswerOrigin.Mark(first.AdditionalProperties ??= [], _attempt.Endpoint.Name, number);
        }
    }
}
