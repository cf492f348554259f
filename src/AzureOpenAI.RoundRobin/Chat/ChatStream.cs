using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Transport;
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
    private HeldUpdates _held;
    private StreamPhase _phase;
    private bool _finished;
    private bool _ended;

    public ChatRequest Request => new(_messages, _options, _loop.IsMapped, _affinity);

    public ChatResponseUpdate Current { get; private set; } = null!;

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "Whoever enumerates disposes.")]
    public IAsyncEnumerator<ChatResponseUpdate> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        bool hasOwn = cancellationToken.CanBeCanceled && cancellationToken != _caller;
        if (!hasOwn && Interlocked.CompareExchange(ref _phase, StreamPhase.Unopened, StreamPhase.Unclaimed) == StreamPhase.Unclaimed)
        {
            return this;
        }

        CancellationTokenSource? linked = hasOwn && _caller.CanBeCanceled ? CancellationTokenSource.CreateLinkedTokenSource(_caller, cancellationToken) : null;
        CancellationToken caller = linked?.Token ?? (hasOwn ? cancellationToken : _caller);
        return new ChatStream(_loop, Request, caller) { _linked = linked, _phase = StreamPhase.Unopened };
    }

    public ValueTask<bool> MoveNextAsync()
    {
        switch (_phase)
        {
            case StreamPhase.Live:
                return MoveLive();
            case StreamPhase.Unopened:
                return StartAsync();
            case StreamPhase.Opened:
                return new(PassOn());
            default:
                return new(false);
        }
    }

    public ValueTask DisposeAsync()
    {
        if (_phase == StreamPhase.Left || Interlocked.CompareExchange(ref _phase, StreamPhase.Left, StreamPhase.Opening) == StreamPhase.Opening)
        {
            return default;
        }

        _phase = StreamPhase.Over;
        return LetGoAsync();
    }

    /// <summary>Opens the stream at an endpoint and reads it up to its first content, which is then the current update unless others are held before it.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> OpenAsync(Attempt attempt, int number)
    {
        (_attempt, _updates, _held, _finished, _ended) = (attempt, null, default, false, false);
        _loop.Balancer.Tracker.Count(attempt);
        if (attempt.Endpoint.IsSdkBacked)
        {
            attempt.CountReceived();
        }

        _loop.Trace(attempt, StreamOperation.Name, number);
        try
        {
            TimeSpan? limit = _loop.Limits.FirstContentTimeout;
            long opened = limit is null ? 0 : _loop.Balancer.Time.GetTimestamp();
            while (true)
            {
                ValueTask<bool> move = _updates is null ? Open() : _updates.MoveNextAsync();
                if (!move.IsCompleted)
                {
                    Await(limit is null ? null : limit - _loop.Balancer.Time.GetElapsedTime(opened));
                }

                bool moved = await move.ConfigureAwait(false);
                attempt.Arrived();
                if (!Moved(moved) || _held.Hold(Current, attempt))
                {
                    break;
                }

                _loop.Balancer.Tracker.Admitted(attempt, withContent: false);
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

    /// <summary>The first attempt, as <see cref="AttemptLoop"/> makes it for calls, but on pooled state machines: nothing of it outlives the first content.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> StartAsync()
    {
        _phase = StreamPhase.Opening;
        StreamPhase next = StreamPhase.Over;
        try
        {
            Exception? failure = null;
            Attempt? attempt = _loop.TryBegin(_affinity, _caller);
            if (attempt is not null)
            {
                attempt.CanRelocate = _loop.Picker.HasAlternatives;
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

            next = _held.Any ? StreamPhase.Opened : _ended ? StreamPhase.Over : StreamPhase.Live;
        }
        finally
        {
            if (Interlocked.CompareExchange(ref _phase, next, StreamPhase.Opening) != StreamPhase.Opening)
            {
                next = StreamPhase.Left;
                await LetGoAsync().ConfigureAwait(false);
            }
        }

        return next == StreamPhase.Opened ? PassOn() : next == StreamPhase.Live;
    }

    private ValueTask<bool> Open() => _attempt!.Endpoint.IsSdkBacked
        ? RequestScope.Run(_attempt, this, static (stream, _) => stream.Begin())
        : Begin();

    private ValueTask<bool> Begin()
    {
        Endpoint endpoint = _attempt!.Endpoint;
        _updates = endpoint.ChatClient!
            .GetStreamingResponseAsync(_messages, Request.OptionsFor(endpoint), _attempt.Token)
            .GetAsyncEnumerator(_attempt.Token);
        return _updates.MoveNextAsync();
    }

    private void MarkOrigin(int number)
    {
        if (_attempt!.Endpoint.IsSdkBacked && (_held.First ?? (_ended ? null : Current)) is { } first)
        {
            AnswerOrigin.Mark(first.AdditionalProperties ??= [], _attempt.Endpoint.Name, number);
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

    /// <summary>The next of the held updates. With the last of them the stream goes live, or is over.</summary>
    private bool PassOn()
    {
        Current = _held.PassOn(out bool last);
        if (last)
        {
            _phase = _ended ? StreamPhase.Over : StreamPhase.Live;
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
#pragma warning disable CA1031 // Whatever the client throws is an outcome, and the classifier's to judge.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return ValueTask.FromException<bool>(Interrupted(exception));
        }

        Await(null);
        return _attempt!.PendingUpdate.Wait(move, this);
    }

    /// <remarks>Without an attempt the caller has disposed the stream although it waited.</remarks>
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

    /// <summary>Starts the clock for the next update; not while the caller is busy with the last one.</summary>
    private void Await(TimeSpan? leftToContent)
    {
        long now = _loop.Balancer.Time.GetTimestamp();
        _attempt!.Sent(now);
        _attempt.Await(now, _loop.Limits.AttemptTimeout, leftToContent);
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
            // The SDK reports an error event, or a connection that was closed early, as the end of the stream.
            throw new IOException($"Endpoint '{_attempt.Endpoint.Name}' ended its stream without a finish reason.");
        }

        _ended = true;
        _phase = _phase == StreamPhase.Live ? StreamPhase.Over : _phase;
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

    /// <summary>What the caller gets for a failure after the first content.</summary>
    private Exception Interrupted(Exception exception)
    {
        _phase = StreamPhase.Over;
        return _attempt is { } attempt ? StreamEnd.Interrupted(_loop, attempt, exception, _caller) : exception;
    }

    private void EndAttempt()
    {
        if (Interlocked.Exchange(ref _attempt, null) is { } attempt)
        {
            StreamEnd.Report(_loop, attempt, whole: _ended);
        }
    }
}
