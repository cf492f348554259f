using AzureOpenAI.RoundRobin.Attempts;
using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>
/// One endpoint's stream from its opening to its end. Before its first content its failures are the loop's; after it they are the caller's.
/// </summary>
internal sealed class CommittedStream(AttemptLoop loop, Attempt attempt, int number, CancellationToken caller)
{
    private const int MostHeld = 64;

    private readonly AttemptLoop _loop = loop;
    private readonly Attempt _attempt = attempt;
    private readonly int _number = number;
    private readonly CancellationToken _caller = caller;
    private readonly bool _isBuilt = attempt.Endpoint.IsBuilt;
    private IAsyncEnumerator<ChatResponseUpdate>? _updates;
    private List<ChatResponseUpdate>? _held;
    private bool _finished;
    private bool _ended;
    private AttemptOutcome? _interrupted;

    public ChatResponseUpdate Current { get; private set; } = null!;

    /// <summary>The updates that came before the first content, and were kept back until it was sure that they are passed on.</summary>
    public List<ChatResponseUpdate>? Held => _held;

    /// <summary>True if <see cref="Current"/> holds the first content; false if the stream ended well without any, or holds none for very long.</summary>
    public bool HasContent { get; private set; }

    /// <summary>Reads up to the first content.</summary>
    public async ValueTask OpenAsync(ChatRequest request)
    {
        long opened = _loop.Limits.FirstContentTimeout is null ? 0 : _loop.Dispatcher.Time.GetTimestamp();
        while (true)
        {
            ValueTask<bool> move = _updates is null ? Open(request) : _updates.MoveNextAsync();
            if (!move.IsCompleted)
            {
                Wait(opened);
            }

            if (!await move.ConfigureAwait(false))
            {
                EnsureFinished();
                _ended = true;
                break;
            }

            _attempt.Arrived();
            Current = _updates!.Current;
            _finished |= Current.FinishReason is not null;
            if (HasContentIn(Current))
            {
                HasContent = true;
                break;
            }

            _loop.Dispatcher.Admitted(_attempt);
            (_held ??= []).Add(Current);
            if (_held.Count == MostHeld)
            {
                break;
            }
        }

        _attempt.Arrived();
        MarkOrigin();
    }

    /// <summary>Reads on after the first content.</summary>
    /// <exception cref="ChatStreamInterruptedException">The stream broke off.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public ValueTask<bool> MoveNextAsync()
    {
        if (_ended)
        {
            return new(false);
        }

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

        Wait(0);
        return AwaitMoveAsync(move);
    }

    /// <summary>Ends the attempt if nothing has ended it yet, and lets go of the endpoint's stream.</summary>
    public async ValueTask DisposeAsync()
    {
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
        }
    }

    /// <summary>Lets go of a stream that has failed before its first content. What its disposal throws adds nothing to that.</summary>
    public async ValueTask DropAsync()
    {
        if (_updates is not null)
        {
            try
            {
                await _updates.DisposeAsync().ConfigureAwait(false);
            }
#pragma warning disable CA1031 // The failure that led here is the one that counts.
            catch
#pragma warning restore CA1031
            {
            }
        }
    }

    private ValueTask<bool> Open(ChatRequest request) => _isBuilt
        ? AttemptObserver.Observe(_attempt, (Stream: this, Request: request), static (state, _) => state.Stream.Begin(state.Request))
        : Begin(request);

    private ValueTask<bool> Begin(ChatRequest request)
    {
        _updates = _attempt.Endpoint.ChatClient
            .GetStreamingResponseAsync(request.Messages, request.OptionsFor(_attempt.Endpoint), _attempt.Token)
            .GetAsyncEnumerator(_attempt.Token);
        return _updates.MoveNextAsync();
    }

    private void Wait(long opened)
    {
        TimeProvider time = _loop.Dispatcher.Time;
        long now = time.GetTimestamp();
        TimeSpan limit = _loop.Limits.AttemptTimeout;
        if (opened != 0 && _loop.Limits.FirstContentTimeout is { } first)
        {
            TimeSpan left = first - time.GetElapsedTime(opened, now);
            left = left > TimeSpan.Zero ? left : TimeSpan.FromTicks(1);
            limit = limit == Timeout.InfiniteTimeSpan || left < limit ? left : limit;
        }

        _attempt.StartedAt = _attempt.StartedAt == 0 ? now : _attempt.StartedAt;
        _attempt.IsSent |= !_isBuilt;
        _attempt.Await(now, limit);
    }

    private async ValueTask<bool> AwaitMoveAsync(ValueTask<bool> move)
    {
        try
        {
            bool moved = await move.ConfigureAwait(false);
            _attempt.Arrived();
            return Moved(moved);
        }
#pragma warning disable CA1031 // Whatever the client throws is an outcome, and the classifier's to judge.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            throw Interrupted(exception);
        }
    }

    private bool Moved(bool moved)
    {
        if (moved)
        {
            Current = _updates!.Current;
            _finished |= Current.FinishReason is not null;
            return true;
        }

        EnsureFinished();
        _ended = true;
        return false;
    }

    /// <summary>The SDK reports an error event, or a connection that was closed early, as the end of the stream.</summary>
    private void EnsureFinished()
    {
        if (_isBuilt && !_finished)
        {
            throw new IOException($"Endpoint '{_attempt.Endpoint.Name}' ended its stream without a finish reason.");
        }
    }

    /// <summary>What the caller is told of a failure after the first content.</summary>
    private Exception Interrupted(Exception exception)
    {
        AttemptFacts facts = _loop.Facts(_attempt, _caller) with { Committed = true, Sent = true };
        AttemptOutcome outcome = OutcomeClassifier.Classify(exception, facts, _loop.Dispatcher.Time.GetUtcNow());
        _interrupted = outcome;
        _ended = true;
        return outcome.Kind switch
        {
            OutcomeKind.Caller => Call.Cancelled(exception, _caller),
            OutcomeKind.Request => exception,
            _ => new ChatStreamInterruptedException(
                $"The stream of endpoint '{_attempt.Endpoint.Name}' broke off after a part of the answer had been passed on. The answer is incomplete, and no other endpoint could take over.",
                _attempt.Endpoint.Name, exception),
        };
    }

    private void EndAttempt()
    {
        Dispatcher dispatcher = _loop.Dispatcher;
        if (_interrupted is { MayFailOver: true } outcome)
        {
            TimeSpan took = dispatcher.Time.Until(_attempt.StartedAt, dispatcher.Time.GetTimestamp());
            dispatcher.Failed(_attempt, outcome, Call.Describe(_attempt.Endpoint, outcome, took), fingerprint: 0, blame: true);
        }
        else if (_interrupted is null && _ended)
        {
            dispatcher.Succeeded(_attempt);
        }
        else
        {
            // The caller walked away in the middle, after content: the endpoint did serve it.
            _attempt.Endpoint.CountAnswer();
            dispatcher.Abandoned(_attempt, answered: false);
        }
    }

    private static bool HasContentIn(ChatResponseUpdate update)
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

    private void MarkOrigin()
    {
        ChatResponseUpdate? first = _held is [var held, ..] ? held : HasContent ? Current : null;
        if (_isBuilt && first is not null)
        {
            AnswerOrigin.Mark(first.AdditionalProperties ??= [], _attempt.Endpoint.Name, _number);
        }
    }
}
