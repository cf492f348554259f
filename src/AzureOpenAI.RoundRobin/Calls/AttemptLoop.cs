using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>
/// The loop that calls, streams and operations share: pick, attempt, classify, and again where the outcome allows it.
/// </summary>
/// <remarks>
/// The first attempt is written out before the loop, so that a call that succeeds synchronously does not pay for the loop: a task of the endpoint's that is complete is
/// returned as it is. A stream writes out its own first attempt, in <see cref="Chat.ChatStream"/>.
/// </remarks>
internal sealed class AttemptLoop(Balancer balancer, Picker picker, CallLimits limits, bool isMapped = false)
{
    private readonly Instruments _instruments = balancer.Instruments;
    private readonly AttemptTracker _tracker = balancer.Tracker;

    public Balancer Balancer { get; } = balancer;

    public Picker Picker { get; } = picker;

    public CallLimits Limits { get; } = limits;

    /// <summary>Null for calls that take their turn.</summary>
    public CallDirection? Direction { get; init; }

    /// <summary>The picker is that of a model in the endpoints' deployment maps.</summary>
    public bool IsMapped { get; } = isMapped;

    /// <summary>A first attempt without the lock, tied to its caller's token; null where <see cref="TryBeginLocked"/> or <see cref="RecoverAsync"/> must find one.</summary>
    public Attempt? TryBegin(uint affinity, CancellationToken cancellationToken) =>
        Direction is null ? TryBeginInTurn(affinity, cancellationToken) : TryBeginDirected(Direction, affinity, cancellationToken);

    private Attempt? TryBeginInTurn(uint affinity, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return null;
        }

        Attempt? attempt = Balancer.TryBegin(Picker, affinity);
        if (cancellationToken.CanBeCanceled)
        {
            attempt?.Follow(cancellationToken);
        }

        return attempt;
    }

    private Attempt? TryBeginDirected(CallDirection direction, uint affinity, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return null;
        }

        Attempt? attempt = direction.Polled is { } polled ? Balancer.TryPoll(polled)
            : Balancer.TryBegin(direction.Preferred ?? Picker, direction.Preferred is null ? affinity : 0);
        if (cancellationToken.CanBeCanceled)
        {
            attempt?.Follow(cancellationToken);
        }

        return attempt;
    }

    /// <summary>The same under the lock, before anything is made for a call that needs more than one pick.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public Attempt? TryBeginLocked<TOperation, TResult>(in TOperation operation, CancellationToken cancellationToken)
        where TOperation : struct, IOperation<TResult>
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return null;
        }

        TokenEstimate tokens = Picker.CountsTokens ? EstimateOf<TOperation, TResult>(operation) : default;
        Attempt? attempt = (Direction?.Preferred is { } preferred ? Balancer.TryBeginLocked(preferred, 0, tokens) : null) ?? Balancer.TryBeginLocked(Picker, operation.Affinity, tokens);
        if (cancellationToken.CanBeCanceled)
        {
            attempt?.Follow(cancellationToken);
        }

        return attempt;
    }

    /// <remarks>Inlined, so that it is compiled for the caller's own types: code that is shared among result types doubles the cost of a call.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Task<TResult> RunAsync<TOperation, TResult>(TOperation operation, CancellationToken cancellationToken)
        where TOperation : struct, IOperation<TResult>
    {
        if (Direction is { } direction)
        {
            return RunDirectedAsync<TOperation, TResult>(operation, direction, cancellationToken);
        }

        Attempt? attempt = TryBeginInTurn(operation.Affinity, cancellationToken);
        if (attempt is null && (attempt = TryBeginLocked<TOperation, TResult>(operation, cancellationToken)) is null)
        {
            return RecoverAsync<TOperation, TResult>(operation, null, null, cancellationToken);
        }

        Task<TResult> pending = _instruments.IsListening ? InvokeTracedAsync<TOperation, TResult>(operation, attempt, 1) : operation.InvokeAsync(attempt, 1);
        if (!pending.IsCompletedSuccessfully || attempt.Endpoint.IsSdkBacked)
        {
            return FirstAsync(operation, attempt, pending);
        }

#pragma warning disable RS0030 // The task is known to be complete.
        TResult result = pending.Result;
#pragma warning restore RS0030
        if (!TOperation.TryTake(result, attempt))
        {
            return FirstAsync(operation, attempt, pending);
        }

        _tracker.Succeeded(attempt);
        return pending;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private Task<TResult> RunDirectedAsync<TOperation, TResult>(TOperation operation, CallDirection direction, CancellationToken cancellationToken)
        where TOperation : struct, IOperation<TResult>
    {
        Attempt? attempt = TryBeginDirected(direction, operation.Affinity, cancellationToken) ?? TryBeginLocked<TOperation, TResult>(operation, cancellationToken);
        return attempt is null ? RecoverAsync<TOperation, TResult>(operation, null, null, cancellationToken)
            : FirstAsync(operation, attempt, _instruments.IsListening ? InvokeTracedAsync<TOperation, TResult>(operation, attempt, 1) : operation.InvokeAsync(attempt, 1));
    }

    /// <summary>Traces the attempt from here on, if a listener is attached. Called in an async method only, since the attempt's span becomes the current one.</summary>
    public void Trace(Attempt attempt, string operation, int number)
    {
        if (_instruments.IsListening)
        {
            attempt.Trace = AttemptTrace.Begin(_instruments, Balancer.Time, attempt.Endpoint.Name, attempt.Endpoint.Api, operation, number);
        }
    }

    /// <summary>The first content of a stream has come, or its end.</summary>
    public void Opened(Attempt attempt)
    {
        if (Direction?.Polled is null)
        {
            Direction?.Answered?.Invoke(attempt.Endpoint);
            _tracker.Timed(attempt);
            _tracker.Admitted(attempt);
        }
    }

    /// <summary>The endpoint answered in full. How long it took for what is no new work says nothing of how long it takes for what is.</summary>
    public void Succeeded(Attempt attempt, bool streamed = false)
    {
        if (Direction?.Polled is null)
        {
            _tracker.Succeeded(attempt, streamed);
        }
        else
        {
            _tracker.Abandoned(attempt, answered: true, served: true);
        }
    }

    /// <remarks>The fields of its state machine are the memory that an asynchronous call costs, so the caller's token stays in the attempt.</remarks>
    private async Task<TResult> FirstAsync<TOperation, TResult>(TOperation operation, Attempt attempt, Task<TResult> pending)
        where TOperation : struct, IOperation<TResult>
    {
        Exception failure;
        attempt.CanRelocate = TOperation.MayRelocate && Picker.HasAlternatives;
        Await<TOperation, TResult>(attempt, pending);
        try
        {
            TResult result = await pending.ConfigureAwait(false);
            operation.Check(result, attempt, 1);
            Direction?.Answered?.Invoke(attempt.Endpoint);
            Succeeded(attempt);
            return result;
        }
#pragma warning disable CA1031 // Whatever the client throws is an outcome, which the classifier judges.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failure = exception;
        }

        return await RecoverAsync<TOperation, TResult>(operation, attempt, failure, attempt.Caller).ConfigureAwait(false);
    }

    /// <summary>Goes on after a first attempt that failed, or that needs the lock.</summary>
    public async Task<TResult> RecoverAsync<TOperation, TResult>(TOperation operation, Attempt? attempt, Exception? failure, CancellationToken cancellationToken)
        where TOperation : struct, IOperation<TResult>
    {
        CallRecovery call = new(Balancer, Picker, Limits, operation.Affinity, Picker.CountsTokens ? EstimateOf<TOperation, TResult>(operation) : default);
        try
        {
            while (true)
            {
                if (failure is not null)
                {
                    Take<TOperation, TResult>(call, attempt!, failure, operation, cancellationToken);
                }

                do
                {
                    attempt = call.Begun(await call.Next(cancellationToken).ConfigureAwait(false), cancellationToken);
                }
                while (attempt is null);

                if (cancellationToken.CanBeCanceled)
                {
                    attempt.Follow(cancellationToken);
                }

                attempt.CanRelocate = TOperation.MayRelocate && Picker.HasAlternatives && !call.WasRelocated;
                Task<TResult> pending = TOperation.EndsAttempt && _instruments.IsListening
                    ? InvokeTracedAsync<TOperation, TResult>(operation, attempt, call.AttemptNumber)
                    : operation.InvokeAsync(attempt, call.AttemptNumber);
                attempt.Trace?.Waited(call.Waited);
                Await<TOperation, TResult>(attempt, pending);
                try
                {
                    TResult result = await pending.ConfigureAwait(false);
                    operation.Check(result, attempt, call.AttemptNumber);
                    Finish<TOperation, TResult>(attempt);
                    call.Ended();
                    return result;
                }
#pragma warning disable CA1031 // Whatever the client throws is an outcome, which the classifier judges.
                catch (Exception exception)
#pragma warning restore CA1031
                {
                    failure = exception;
                }
            }
        }
        catch (Exception exception)
        {
            if (Limits.GoesOn?.Invoke(exception) != true)
            {
                _instruments.CallEnded(call.AttemptsMade, call.FailedAs(cancellationToken));
            }

            throw;
        }
    }

    private async Task<TResult> InvokeTracedAsync<TOperation, TResult>(TOperation operation, Attempt attempt, int number)
        where TOperation : struct, IOperation<TResult>
    {
        Trace(attempt, TOperation.Name, number);
        return await operation.InvokeAsync(attempt, number).ConfigureAwait(false);
    }

    /// <summary>Starts the deadline of an attempt that is not complete. A stream does so itself, for each of its updates.</summary>
    private void Await<TOperation, TResult>(Attempt attempt, Task<TResult> pending)
        where TOperation : struct, IOperation<TResult>
    {
        if (TOperation.EndsAttempt && !pending.IsCompleted)
        {
            long now = Balancer.Time.GetTimestamp();
            _tracker.Count(attempt);
            attempt.Sent(now);
            attempt.Await(now, Limits.AttemptTimeout);
        }
    }

    private void Finish<TOperation, TResult>(Attempt attempt)
        where TOperation : struct, IOperation<TResult>
    {
        if (TOperation.EndsAttempt)
        {
            Direction?.Answered?.Invoke(attempt.Endpoint);
            _tracker.Succeeded(attempt);
        }
        else
        {
            Opened(attempt);
        }
    }

    private void Take<TOperation, TResult>(CallRecovery call, Attempt attempt, Exception failure, TOperation operation, CancellationToken cancellationToken)
        where TOperation : struct, IOperation<TResult>
    {
        call.Fingerprint ??= () => FingerprintOf<TOperation, TResult>(operation);
        AttemptFacts facts = Facts(attempt, cancellationToken) with
        {
            NameIsCallers = operation.NamesModel && !attempt.Endpoint.IsSdkBacked,
            JobIsCallers = attempt.Endpoint.Api == EndpointApi.Responses ? operation.NamesState : operation.NamesJob && !attempt.Endpoint.IsSdkBacked,
            IsUserCode = TOperation.IsUserCode,
        };
        call.Take(attempt, Classify(failure, facts), cancellationToken);
    }

    /// <remarks>
    /// A request that cannot be read, such as a list that its owner changes meanwhile, must not throw here, where an attempt runs and must end: the client throws when it
    /// reads the request.
    /// </remarks>
    private static TokenEstimate EstimateOf<TOperation, TResult>(in TOperation operation)
        where TOperation : struct, IOperation<TResult>
    {
        try
        {
            return operation.EstimateTokens();
        }
#pragma warning disable CA1031 // See above.
        catch
#pragma warning restore CA1031
        {
            return default;
        }
    }

    /// <inheritdoc cref="EstimateOf"/>
    private static int FingerprintOf<TOperation, TResult>(in TOperation operation)
        where TOperation : struct, IOperation<TResult>
    {
        try
        {
            return operation.Fingerprint();
        }
#pragma warning disable CA1031 // See above.
        catch
#pragma warning restore CA1031
        {
            return 0;
        }
    }

    /// <summary>Says what an exception means: the user's own code is asked first, but not of what the caller or we have ended.</summary>
    public AttemptOutcome Classify(Exception exception, in AttemptFacts facts) => OutcomeClassifier.Classify(
        exception,
        Limits.Hook is { } hook && facts is { CallerCancelled: false, TimedOut: false, Relocated: false } ? facts with { Said = hook.Ask(exception) } : facts,
        Balancer.Time.GetUtcNow());

    /// <summary>What is known of an attempt that has just failed.</summary>
    public AttemptFacts Facts(Attempt attempt, CancellationToken cancellationToken) => new()
    {
        CallerCancelled = cancellationToken.IsCancellationRequested,
        TimedOut = attempt.TimedOut,
        Relocated = attempt.IsRelocated,
        IsSdkBacked = attempt.Endpoint.IsSdkBacked,
        // What has begun to answer was asked, also where it was so quick that nobody saw it wait.
        Sent = attempt.IsSent || attempt.IsHeard,
        HeadStatus = attempt.HeadStatus,
        OnlyConnectingTimesOut = attempt.Endpoint.IsSdkBacked && Limits.OnlyConnectingTimesOut,
    };
}
