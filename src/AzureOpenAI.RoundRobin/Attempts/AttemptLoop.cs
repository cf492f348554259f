using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Attempts;

/// <summary>
/// The loop that every call, stream and operation shares: pick, attempt, classify, and again where the outcome allows it.
/// </summary>
/// <remarks>
/// The first attempt is spelled out before the loop, because a call that succeeds at once must not pay for what the others need:
/// where the endpoint's task is complete it is returned as it is.
/// </remarks>
internal sealed class AttemptLoop(Dispatcher dispatcher, EndpointGroup group, CallLimits limits, bool isMapped = false)
{
    public Dispatcher Dispatcher { get; } = dispatcher;

    public EndpointGroup Group { get; } = group;

    public CallLimits Limits { get; } = limits;

    /// <summary>The group answers a model that callers name, through the endpoints' deployment maps.</summary>
    public bool IsMapped { get; } = isMapped;

    /// <remarks>Inlined, so that it is compiled for the caller's own types: code that is shared among result types costs as much again as all the rest.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ValueTask<TResult> RunAsync<TOperation, TResult>(TOperation operation, CancellationToken cancellationToken)
        where TOperation : struct, IOperation<TResult>
    {
        if (cancellationToken.IsCancellationRequested || !Dispatcher.TryBegin(Group, operation.Affinity, out Attempt? attempt))
        {
            return RecoverAsync<TOperation, TResult>(operation, null, null, cancellationToken);
        }

        if (cancellationToken.CanBeCanceled)
        {
            attempt.Follow(cancellationToken);
        }

        attempt.IsMovable = TOperation.MayMove;
        ValueTask<TResult> pending = operation.InvokeAsync(attempt, 1);
        if (!pending.IsCompletedSuccessfully)
        {
            return FirstAsync(operation, attempt, pending, cancellationToken);
        }

        Finish<TOperation, TResult>(attempt);
        return pending;
    }

    /// <summary>Starts the clock of an attempt that was not over at once. A stream does so itself, for each of its updates.</summary>
    private void Await(Attempt attempt, bool isWholeAnswer)
    {
        long now = Dispatcher.Time.GetTimestamp();
        attempt.Sent(now);
        if (isWholeAnswer)
        {
            attempt.Await(now, Limits.AttemptTimeout);
        }
    }

    private void Finish<TOperation, TResult>(Attempt attempt)
        where TOperation : struct, IOperation<TResult>
    {
        Dispatcher.Timed(attempt);
        if (TOperation.EndsAttempt)
        {
            Dispatcher.Succeeded(attempt);
        }
        else
        {
            Dispatcher.Admitted(attempt);
        }
    }

    private async ValueTask<TResult> FirstAsync<TOperation, TResult>(TOperation operation, Attempt attempt, ValueTask<TResult> pending, CancellationToken cancellationToken)
        where TOperation : struct, IOperation<TResult>
    {
        Exception failure;
        if (!pending.IsCompleted)
        {
            Await(attempt, TOperation.EndsAttempt);
        }

        try
        {
            TResult result = await pending.ConfigureAwait(false);
            Finish<TOperation, TResult>(attempt);
            return result;
        }
#pragma warning disable CA1031 // Whatever the client throws is an outcome, and the classifier's to judge.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failure = exception;
        }

        return await RecoverAsync<TOperation, TResult>(operation, attempt, failure, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<TResult> RecoverAsync<TOperation, TResult>(TOperation operation, Attempt? attempt, Exception? failure, CancellationToken cancellationToken)
        where TOperation : struct, IOperation<TResult>
    {
        Call call = new(Dispatcher, Group, Limits, operation.Fingerprint) { Affinity = operation.Affinity };
        while (true)
        {
            if (failure is not null)
            {
                Take<TOperation, TResult>(call, attempt!, failure, operation.NamesModel, cancellationToken);
            }

            attempt = await call.NextAsync(cancellationToken).ConfigureAwait(false);
            if (cancellationToken.CanBeCanceled)
            {
                attempt.Follow(cancellationToken);
            }

            attempt.IsMovable = TOperation.MayMove && !call.WasMoved;
            ValueTask<TResult> pending = operation.InvokeAsync(attempt, call.AttemptNumber);
            if (!pending.IsCompleted)
            {
                Await(attempt, TOperation.EndsAttempt);
            }

            try
            {
                TResult result = await pending.ConfigureAwait(false);
                Finish<TOperation, TResult>(attempt);
                call.Ended();
                return result;
            }
#pragma warning disable CA1031 // Whatever the client throws is an outcome, and the classifier's to judge.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                failure = exception;
            }
        }
    }

    private void Take<TOperation, TResult>(Call call, Attempt attempt, Exception failure, bool namesModel, CancellationToken cancellationToken)
        where TOperation : struct, IOperation<TResult>
    {
        AttemptFacts facts = Facts(attempt, cancellationToken) with { NameIsCallers = namesModel && !attempt.Endpoint.IsBuilt, UsersCode = TOperation.IsUsersCode };
        call.Take(attempt, OutcomeClassifier.Classify(failure, facts, Dispatcher.Time.GetUtcNow()), cancellationToken);
    }

    /// <summary>What is known of an attempt that has just failed.</summary>
    public AttemptFacts Facts(Attempt attempt, CancellationToken cancellationToken) => new()
    {
        CallerCancelled = cancellationToken.IsCancellationRequested,
        TimedOut = attempt.TimedOut,
        Moved = attempt.IsMoved,
        Built = attempt.Endpoint.IsBuilt,
        Sent = attempt.IsSent,
        OwnTransport = attempt.Endpoint.IsBuilt && Limits.OwnTransport,
    };
}
