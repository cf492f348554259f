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

    public ValueTask<TResult> RunAsync<TOperation, TResult>(TOperation operation, CancellationToken cancellationToken)
        where TOperation : struct, IOperation<TResult>
    {
        Attempt? attempt;
        try
        {
            if (cancellationToken.IsCancellationRequested)
            {
                return ValueTask.FromCanceled<TResult>(cancellationToken);
            }

            if (!Dispatcher.TryBegin(Group, out attempt))
            {
                return RecoverAsync<TOperation, TResult>(operation, null, null, cancellationToken);
            }
        }
        catch (ObjectDisposedException disposed)
        {
            return ValueTask.FromException<TResult>(disposed);
        }

        ValueTask<TResult> pending = Start<TOperation, TResult>(operation, attempt, 1, cancellationToken);
        if (!pending.IsCompletedSuccessfully)
        {
            return FirstAsync(operation, attempt, pending, cancellationToken);
        }

        Finish<TOperation, TResult>(attempt);
        return pending;
    }

    /// <summary>Runs the operation; a failure to start it is a failed task like any other.</summary>
    private ValueTask<TResult> Start<TOperation, TResult>(TOperation operation, Attempt attempt, int number, CancellationToken cancellationToken)
        where TOperation : struct, IOperation<TResult>
    {
        if (cancellationToken.CanBeCanceled)
        {
            attempt.Follow(cancellationToken);
        }

        ValueTask<TResult> pending;
        try
        {
            pending = operation.InvokeAsync(attempt, number);
        }
#pragma warning disable CA1031 // Whatever the client throws is an outcome, and the classifier's to judge.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return ValueTask.FromException<TResult>(exception);
        }

        if (!pending.IsCompleted)
        {
            long now = Dispatcher.Time.GetTimestamp();
            attempt.StartedAt = attempt.StartedAt == 0 ? now : attempt.StartedAt;
            attempt.IsSent |= !attempt.Endpoint.IsBuilt;
            if (TOperation.EndsAttempt)
            {
                attempt.Await(now, Limits.AttemptTimeout);
            }
        }

        return pending;
    }

    private void Finish<TOperation, TResult>(Attempt attempt)
        where TOperation : struct, IOperation<TResult>
    {
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
        Call call = new(Dispatcher, Group, Limits, operation.Fingerprint);
        while (true)
        {
            if (failure is not null)
            {
                Take<TOperation, TResult>(call, attempt!, failure, operation.NamesModel, cancellationToken);
            }

            attempt = await call.NextAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                TResult result = await Start<TOperation, TResult>(operation, attempt, call.AttemptNumber, cancellationToken).ConfigureAwait(false);
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
        TimeProvider time = Dispatcher.Time;
        attempt.StartedAt = attempt.StartedAt == 0 ? time.GetTimestamp() : attempt.StartedAt;
        AttemptFacts facts = Facts(attempt, cancellationToken) with { NameIsCallers = namesModel && !attempt.Endpoint.IsBuilt, UsersCode = TOperation.IsUsersCode };
        call.Take(attempt, OutcomeClassifier.Classify(failure, facts, time.GetUtcNow()), cancellationToken);
    }

    /// <summary>What is known of an attempt that has just failed.</summary>
    public AttemptFacts Facts(Attempt attempt, CancellationToken cancellationToken) => new()
    {
        CallerCancelled = cancellationToken.IsCancellationRequested,
        TimedOut = attempt.TimedOut,
        Built = attempt.Endpoint.IsBuilt,
        Sent = attempt.IsSent,
        OwnTransport = attempt.Endpoint.IsBuilt && Limits.OwnTransport,
    };
}
