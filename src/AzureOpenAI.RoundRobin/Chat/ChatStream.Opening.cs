using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Transport;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <content>Up to its first content: updates are held back, so that another endpoint can still take over.</content>
internal sealed partial class ChatStream
{
    /// <summary>A stream with this many updates without content is passed on as it is, and does not move to another endpoint any more.</summary>
    private const int MostHeld = 64;
    private const int MostHeldBytes = 64 * 1024;

    /// <summary>Opens the stream at an endpoint and reads it up to its first content. That is the current update then, unless other updates are held before it.</summary>
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

    /// <summary>The first attempt, as <see cref="AttemptLoop"/> makes it for calls. Its state machines are pooled, which is possible since none outlives the first content.</summary>
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
#pragma warning disable CA1031 // Whatever the client throws is an outcome, which the classifier judges.
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

    /// <summary>Holds the current update, if it has no content or follows one that has none.</summary>
    /// <returns>Whether the opening is complete: with content, or with as much as may be held.</returns>
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

    /// <summary>The bytes from the wire, for an SDK-backed endpoint; else an estimate by the updates.</summary>
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

    /// <summary>Disposes a stream that failed before its first content. An exception of the disposal is ignored.</summary>
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
