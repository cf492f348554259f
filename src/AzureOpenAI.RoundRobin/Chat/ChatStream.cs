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
    : IAsyncEnumerable<ChatResponseUpdate>, IAsyncEnumerator<ChatResponseUpdate>
{
    /// <summary>A stream that has said so much without any content is passed on as it is.</summary>
    private const int MostHeld = 64;

    private readonly AttemptLoop _loop = loop;
    private readonly ChatRequest _request = request;
    private readonly CancellationToken _given = cancellationToken;
    private CancellationToken _caller = cancellationToken;
    private CancellationTokenSource? _linked;
    private int _enumerated;
    private Phase _phase;
    private Attempt? _attempt;
    private IAsyncEnumerator<ChatResponseUpdate>? _updates;
    private List<ChatResponseUpdate>? _held;
    private int _heldPassed;
    private ChatResponseUpdate? _content;
    private bool _finished;
    private bool _ended;
    private AttemptOutcome? _interrupted;

    private enum Phase
    {
        Unopened,

        /// <summary>Passing on what came before the first content, and then that.</summary>
        Opened,

        Live,

        Over,
    }

    public ChatResponseUpdate Current { get; private set; } = null!;

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "Whoever enumerates disposes.")]
    public IAsyncEnumerator<ChatResponseUpdate> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _enumerated, 1) != 0)
        {
            return new ChatStream(_loop, _request, _given).GetAsyncEnumerator(cancellationToken);
        }

        if (cancellationToken.CanBeCanceled && cancellationToken != _given)
        {
            _linked = _given.CanBeCanceled ? CancellationTokenSource.CreateLinkedTokenSource(_given, cancellationToken) : null;
            _caller = _linked?.Token ?? cancellationToken;
        }

        return this;
    }

    public ValueTask<bool> MoveNextAsync()
    {
        switch (_phase)
        {
            case Phase.Unopened:
                return StartAsync();
            case Phase.Opened when PassOn():
                return new(true);
            case Phase.Live:
                return MoveLive();
            default:
                return new(false);
        }
    }

    /// <summary>Opens the stream at an endpoint and reads it up to its first content.</summary>
    public async ValueTask<bool> OpenAsync(Attempt attempt, int number)
    {
        (_attempt, _updates, _held, _content, _finished, _ended) = (attempt, null, null, null, false, false);
        try
        {
            await ReadToContentAsync().ConfigureAwait(false);
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
            if (_updates is not null)
            {
                await _updates.DisposeAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            EndAttempt();
            _linked?.Dispose();
        }
    }

    private async ValueTask<bool> StartAsync()
    {
        _phase = Phase.Over;
        await _loop.RunAsync<StreamOperation, bool>(new StreamOperation(this, _request), _caller).ConfigureAwait(false);
        _phase = Phase.Opened;
        return PassOn();
    }

    /// <summary>The next of the updates that were read while the stream was opened. With the last of them the stream goes live, or is over.</summary>
    private bool PassOn()
    {
        if (_heldPassed < _held?.Count)
        {
            Current = _held[_heldPassed++];
            GoLiveUnless(_heldPassed < _held.Count || _content is not null);
            return true;
        }

        if (_content is { } content)
        {
            (Current, _content) = (content, null);
            GoLiveUnless(false);
            return true;
        }

        _phase = Phase.Over;
        return false;
    }

    private void GoLiveUnless(bool moreIsHeld) => _phase = moreIsHeld ? Phase.Opened : _ended ? Phase.Over : Phase.Live;

    private async ValueTask ReadToContentAsync()
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
            _attempt!.Arrived();
            if (!Moved(moved))
            {
                return;
            }

            if (HasContent(Current))
            {
                _content = Current;
                _attempt.IsMovable = false;
                return;
            }

            _loop.Dispatcher.Admitted(_attempt, withContent: false);
            (_held ??= []).Add(Current);
            if (_held.Count == MostHeld)
            {
                return;
            }
        }
    }

    private ValueTask<bool> Open() => _attempt!.Endpoint.IsBuilt
        ? AttemptObserver.Observe(_attempt, this, static (stream, _) => stream.Begin())
        : Begin();

    private ValueTask<bool> Begin()
    {
        _updates = _attempt!.Endpoint.ChatClient
            .GetStreamingResponseAsync(_request.Messages, _request.OptionsFor(_attempt.Endpoint), _attempt.Token)
            .GetAsyncEnumerator(_attempt.Token);
        return _updates.MoveNextAsync();
    }

    private ValueTask<bool> MoveLive()
    {
        ValueTask<bool> move;
        try
        {
            move = _updates!.MoveNextAsync();
            if (move.IsCompletedSuccessfully)
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
        return AwaitMoveAsync(move);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> AwaitMoveAsync(ValueTask<bool> move)
    {
        try
        {
            bool moved = await move.ConfigureAwait(false);
            _attempt!.Arrived();
            return Moved(moved);
        }
#pragma warning disable CA1031 // Whatever the client throws is an outcome, and the classifier's to judge.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            throw Interrupted(exception);
        }
    }

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
        AttemptFacts facts = _loop.Facts(_attempt!, _caller) with { Committed = true, Sent = true };
        AttemptOutcome outcome = OutcomeClassifier.Classify(exception, facts, _loop.Dispatcher.Time.GetUtcNow());
        _interrupted = outcome;
        _phase = Phase.Over;
        return outcome.Kind switch
        {
            OutcomeKind.Caller => Call.Cancelled(exception, _caller),
            OutcomeKind.Request => exception,
            _ => new ChatStreamInterruptedException(
                $"The stream of endpoint '{_attempt!.Endpoint.Name}' broke off after a part of the answer had been passed on. The answer is incomplete, and no other endpoint could take over.",
                _attempt.Endpoint.Name, exception),
        };
    }

    private void EndAttempt()
    {
        if (Interlocked.Exchange(ref _attempt, null) is not { } attempt)
        {
            return;
        }

        Dispatcher dispatcher = _loop.Dispatcher;
        if (_interrupted is { MayFailOver: true } outcome)
        {
            EndpointAttempt failure = Call.Describe(attempt.Endpoint, outcome, attempt.Took(dispatcher.Time.GetTimestamp()));
            dispatcher.Failed(attempt, outcome, failure, fingerprint: 0, blame: outcome.Kind == OutcomeKind.Cut);
        }
        else if (_interrupted is null && _ended)
        {
            dispatcher.Succeeded(attempt);
        }
        else
        {
            // The caller walked away in the middle, after content: the endpoint did serve it.
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
        foreach (AIContent content in update.Contents)
        {
            if (content is not UsageContent and not TextContent { Text.Length: 0 } and not TextReasoningContent { Text.Length: 0, ProtectedData: null })
            {
                return true;
            }
        }

        return false;
    }

    private void ReadUsage(ChatResponseUpdate update)
    {
        foreach (AIContent content in update.Contents)
        {
            if (content is UsageContent usage)
            {
                _attempt!.OutputTokens = usage.Details.OutputTokenCount ?? 0;
            }
        }
    }

    private void MarkOrigin(int number)
    {
        if (_attempt!.Endpoint.IsBuilt && (_held is [{ } held, ..] ? held : _content) is { } first)
        {
            AnswerOrigin.Mark(first.AdditionalProperties ??= [], _attempt.Endpoint.Name, number);
        }
    }
}
