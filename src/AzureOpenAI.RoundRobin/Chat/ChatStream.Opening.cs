using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Transport;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <content>Up to its first content: what comes is held back, so that another endpoint can still take over.</content>
internal sealed partial class ChatStream
{
    /// <summary>A stream that has said so much without any content is passed on as it is, and stays where it is.</summary>
    private const int MostHeld = 64;
    private const int MostHeldBytes = 64 * 1024;

    /// <summary>Opens the stream at an endpoint and reads it up to its first content, which is then the current update unless others are held before it.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> OpenAsync(Attempt attempt, int number)
    {
        (_attempt, _updates, _held, _finished, _ended) = (attempt, null, null, false, false);
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
                if (!Moved(moved) || Hold())
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
        _phase = Phase.Opening;
        Phase next = Phase.Over;
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

            next = _held is not null ? Phase.Opened : _ended ? Phase.Over : Phase.Live;
        }
        finally
        {
            if (Interlocked.CompareExchange(ref _phase, next, Phase.Opening) != Phase.Opening)
            {
                next = Phase.Left;
                await LetGoAsync().ConfigureAwait(false);
            }
        }

        return next == Phase.Opened ? PassOn() : next == Phase.Live;
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
        if (_attempt!.Endpoint.IsSdkBacked && (_held is [{ } held, ..] ? held : _ended ? null : Current) is { } first)
        {
            AnswerOrigin.Mark(first.AdditionalProperties ??= [], _attempt.Endpoint.Name, number);
        }
    }

    /// <summary>Keeps what comes before the first content, so that another endpoint can still take over.</summary>
    /// <returns>Whether the waiting is over.</returns>
    private bool Hold()
    {
        bool content = HasContent(Current);
        if (content)
        {
            _attempt!.CanRelocate = false;
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
        if (_attempt!.Endpoint.IsSdkBacked)
        {
            return _attempt.Received!.Value;
        }

        return (_attempt.Received ?? _attempt.CountReceived()).Value += UpdateSize.Of(Current);
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
}
