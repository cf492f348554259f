using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Chat.Responses;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Transport;
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
internal sealed class ChatStream(AttemptLoop loop, ChatRequest request, CancellationToken cancellationToken)
    : IAsyncEnumerable<ChatResponseUpdate>, IAsyncEnumerator<ChatResponseUpdate>, IUpdateTaker
{
    private readonly AttemptLoop _loop = loop;
    private readonly IEnumerable<ChatMessage> _messages = request.Messages;
    private readonly ChatOptions? _options = request.Options;
    private readonly uint _affinity = request.Affinity;
    private readonly CancellationToken _caller = cancellationToken;
    private CancellationTokenSource? _linked;
    private StreamLease? _lease;
    private IAsyncEnumerator<ChatResponseUpdate>? _updates;
    private HeldUpdates _held;
    private StreamPhase _phase;
    private AnswerParts _parts;
    private bool _ended;

    /// <summary>All of the answer has come. Where the caller writes the SDK's own options they may ask for several, and the finish of one is not that of all.</summary>
    private bool IsWhole => _parts.IsWhole() && _options?.RawRepresentationFactory is null;

    public ChatRequest Request => new(_messages, _options, _loop.IsMapped, _affinity);

    public ChatResponseUpdate Current { get; private set; } = null!;

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The caller disposes the enumerator.")]
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
        (_lease, _updates, _held, _parts, _ended) = (attempt.Lease(_loop.Balancer.Tracker), null, default, AnswerParts.None, false);
        _loop.Balancer.Tracker.Count(attempt);
        if (attempt.Endpoint.IsSdkBacked)
        {
            attempt.CountReceived();
        }

        _loop.Trace(attempt, StreamOperation.Name, number);
        try
        {
            StreamClock.Begin(_loop, attempt);
            while (true)
            {
                ValueTask<bool> move = _updates is null ? Open(attempt) : _updates.MoveNextAsync();
                if (!move.IsCompleted)
                {
                    StreamClock.Await(_loop, attempt, _parts, isWhole: false);
                }

                bool moved = await move.ConfigureAwait(false);
                attempt.Arrived();
                if (!Moved(attempt, moved) || _held.Hold(Current, (_parts & AnswerParts.Content) != 0, attempt))
                {
                    break;
                }

                _loop.Balancer.Tracker.Admitted(attempt, withContent: false);
            }

            if (_ended && Interlocked.Exchange(ref _updates, null) is { } over)
            {
                // Without content nothing has reached the caller, so even what a client throws at its end can be made good elsewhere.
                await over.DisposeAsync().ConfigureAwait(false);
            }

            StreamUpdates.MarkOrigin(_held.First ?? (_ended ? null : Current), attempt, number);
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
            Attempt? attempt = _loop.TryBegin(_affinity, _caller) ?? _loop.TryBeginLocked<StreamOperation, bool>(new StreamOperation(this), _caller);
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

            if (_ended)
            {
                EndAttempt();
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

    private ValueTask<bool> Open(Attempt attempt) => attempt.Endpoint.IsSdkBacked
        ? RequestScope.Run(attempt, this, static (stream, running) => stream.Begin(running))
        : Begin(attempt);

    private ValueTask<bool> Begin(Attempt attempt)
    {
        Endpoint endpoint = attempt.Endpoint;
        _updates = endpoint.ChatClient!
            .GetStreamingResponseAsync(_messages, Request.OptionsFor(endpoint, endpoint.Setup), attempt.Token)
            .GetAsyncEnumerator(attempt.Token);
        return _updates.MoveNextAsync();
    }

    /// <summary>Lets go of an endpoint whose stream failed before its first content. What the disposal throws adds nothing to that.</summary>
    private async ValueTask DropAsync()
    {
        _ = Release();
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

    /// <summary>Makes the next held update the current one. After the last of them the stream is live, or over.</summary>
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
        StreamLease lease = _lease!;
        try
        {
            move = _updates!.MoveNextAsync();
            if (move.IsCompleted)
            {
                bool moved = Moved(lease.Attempt!, move.GetAwaiter().GetResult());
                if (!moved)
                {
                    EndAttempt();
                }

                return new(moved);
            }
        }
#pragma warning disable CA1031 // Whatever the client throws is an outcome, which the classifier judges.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Exception? failure = Interrupted(exception);
            EndAttempt();
            return failure is null ? new(false) : ValueTask.FromException<bool>(failure);
        }

        StreamClock.Await(_loop, lease.Attempt!, _parts, IsWhole);
        return lease.Pending.Wait(move, this);
    }

    /// <remarks>There is no attempt if the caller disposed the stream during the wait.</remarks>
    bool IUpdateTaker.Take(bool moved)
    {
        if (_lease?.Attempt is not { } attempt)
        {
            return false;
        }

        attempt.Arrived();
        return Moved(attempt, moved);
    }

    Exception? IUpdateTaker.Fail(Exception exception) => Interrupted(exception);

    void IUpdateTaker.Ended() => EndAttempt();

    private bool Moved(Attempt attempt, bool moved)
    {
        if (moved)
        {
            Current = _updates!.Current;
            _parts = (Current.RawRepresentation is null ? _parts : ResponseUpdate.Check(Current, _parts, Request.NamesJob)).With(Current);
            StreamClock.Check(_loop, attempt, _parts);
            if (Current.ConversationId is { } id)
            {
                attempt.Endpoint.Conversations?.Remember(id, attempt.Endpoint.ChatClient!);
            }

            StreamUpdates.Read(Current, attempt);
            return true;
        }

        if ((_parts & AnswerParts.Finish) == 0 && (attempt.Endpoint.IsSdkBacked || attempt.Endpoint.Api == EndpointApi.Responses || (_parts & AnswerParts.OfResponses) != 0))
        {
            // The SDK reports an error event, or a connection that was closed early, as the end of the stream.
            throw new IOException($"Endpoint '{attempt.Endpoint.Name}' ended its stream without a finish reason.");
        }

        _ended = true;
        _phase = _phase == StreamPhase.Live ? StreamPhase.Over : _phase;
        return false;
    }

    /// <summary>What the caller gets for a failure after the first content; null for one after the whole answer, which costs nobody anything.</summary>
    private Exception? Interrupted(Exception exception)
    {
        _phase = StreamPhase.Over;
        if (_lease?.Attempt is not { } attempt)
        {
            return exception;
        }

        if (IsWhole && !_caller.IsCancellationRequested)
        {
            _ended = true;
            return null;
        }

        return StreamEnd.Interrupted(_loop, attempt, exception, _caller);
    }

    private void EndAttempt()
    {
        if (Release() is { } attempt)
        {
            StreamEnd.Report(_loop, attempt, whole: _ended);
            _linked?.Dispose();
        }
    }

    private Attempt? Release() => Interlocked.Exchange(ref _lease, null)?.Release();
}
