using System.ClientModel;
using System.Text.Json;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>Judges how each call ended: with its own answer, or with what it may fail with, and in time.</summary>
internal sealed class ChaosJudge(ChaosRun run)
{
    /// <summary>Timers are late by a little, and waits are many.</summary>
    private const double Tolerance = 0.25;

    public void Judge(ChaosCall call, List<string> pieces, Exception? thrown, CancellationToken token)
    {
        if (Fault(call, pieces, thrown, token) is { } fault)
        {
            run.Record.Report($"{call} {fault}{(thrown is null ? "" : $" ({thrown.GetType().Name}: {thrown.Message})")}");
        }
    }

    private string? Fault(ChaosCall call, List<string> pieces, Exception? thrown, CancellationToken token)
    {
        if (call.Attempts.Find(attempt => attempt.Left is null) is { } running)
        {
            return $"ended while its attempt at e{running.Endpoint} still ran";
        }

        string text = string.Concat(pieces);
        bool isWhole = call.WalksAwayAfter is { } after ? pieces.Count == Math.Min(after, call.Pieces) : text == call.Answer;
        if (!call.Answer.StartsWith(text, StringComparison.Ordinal) || (thrown is null && !isWhole))
        {
            return $"was answered '{text}'";
        }

        return Late(call) ?? (thrown is null ? null : Unjustified(call, thrown, text, token));
    }

    /// <summary>What was not spent at endpoints was spent waiting, and that has its bound; and so has each attempt.</summary>
    private string? Late(ChaosCall call)
    {
        if (run.Time.Suspended > call.SuspendedBefore)
        {
            return null;
        }

        if (Overdue(call) is { } overdue)
        {
            return overdue;
        }

        double end = call.ContentAt ?? call.EndedAt!.Value;
        double tried = call.Attempts.Sum(attempt => Math.Min(end, attempt.Left!.Value) - attempt.Arrived);
        double longest = call.Attempts.Count == 0 ? 0 : call.Attempts.Max(attempt => Math.Min(end, attempt.Left!.Value) - attempt.Arrived);
        bool beforeContent = !call.IsStream || call.ContentAt is not null || call.Attempts.Count == 0;
        return end - call.Began - tried > run.Plan.MaxWait + Tolerance + (0.02 * call.Attempts.Count) ? $"waited for {end - call.Began - tried:0.000} s"
            : beforeContent && longest > (run.Plan.AttemptTimeout * (call.IsStream ? 2 : 1)) + Tolerance ? $"was at one endpoint for {longest:0.000} s"
            : call.GaveUpAt is { } gaveUp && call.EndedAt > gaveUp + (call.PerPiece * call.Pieces) + Tolerance ? "went on after its caller gave up"
            : null;
    }

    /// <summary>Once a call has failed twice at one endpoint and returns to another, or again, all time counts against MaxWait, and the attempt that began before its end is the last.</summary>
    private string? Overdue(ChaosCall call) =>
        call.Attempts.Find(attempt => attempt.Arrived > HasFailedAt(call) + run.Plan.MaxWait + Tolerance) is { } late ? $"began an attempt {late.Arrived - HasFailedAt(call):0.000} s after it had failed everywhere" : null;

    private static double HasFailedAt(ChaosCall call)
    {
        int[] returns = [.. Enumerable.Range(0, call.Attempts.Count).Where(i => call.Attempts.FindIndex(other => other.Endpoint == call.Attempts[i].Endpoint) < i)];
        return returns.Length < 2 ? double.PositiveInfinity : call.Attempts[returns[1]].Arrived;
    }

    private string? Unjustified(ChaosCall call, Exception thrown, string text, CancellationToken token)
    {
        if (call.GaveUpAt is not null)
        {
            return thrown is OperationCanceledException cancelled && cancelled.CancellationToken == token ? null : "did not end as given up";
        }

        bool hadBadLuck = Count(call, Trouble.ThrottlesForHours, Trouble.SaysNonsense) > 1 || Count(call, Trouble.IsBroken, Trouble.FailsBeforeContent, Trouble.Cuts) > 1
            || HasSeenEnough(call);
        bool hasRock = run.Plan.HasRock && (call.Conversation is null || call.Maker == 0);
        // A clock that stood still makes all late at once that ran, so even the rock is on probation then, until it has given a whole answer.
        bool wasSuspended = run.Time.Suspended > call.SuspendedBefore || call.Began < run.Time.ResumedAt + run.Plan.AttemptTimeout;
        bool mustSucceed = (hasRock || run.IsHealed) && !hadBadLuck && !run.IsDisposed && !wasSuspended && run.Plan.MaxAttempts is null;
        return thrown switch
        {
            ChaosOwnException => thrown == call.Own ? null : "ended with another operation's failure",
            ObjectDisposedException => run.IsDisposed ? null : "was told that the pool is disposed",
            ChatStreamInterruptedException when text == call.Answer && call.Attempts[^1].BreaksAfter == call.Pieces + 1 => "was broken off after its finish",
            ChatStreamInterruptedException => call.ContentAt is not null && text.Length > 0 ? null : "was broken off before anything came",
            ClientResultException { Status: 400 } and not EndpointsExhaustedException when call.IsBad || !call.Attempts.Exists(attempt => attempt.Status == 400) =>
                call.IsBad ? null : "was told that it is at fault",
            ClientResultException { Status: 404 } when call.Conversation is { } id && call.Attempts is [.., var last] && last.Trouble is Trouble.None or Trouble.IsMissing =>
                last.Trouble == Trouble.IsMissing || !run.Conversations.IsKept(id, last.Endpoint) ? null : "was not known where its conversation is",
            OperationCanceledException => "was given up by nobody",
            _ when call is { LeftUntried: { } untried, Conversation: null } && !wasSuspended && !HasSeenEnough(call) && call.Attempts.Count < (run.Plan.MaxAttempts ?? int.MaxValue) =>
                $"failed although {untried} could have been asked, and was not",
            _ when mustSucceed => "failed although it should not",
            EndpointsExhaustedException exhausted => call.Attempts.Count == 0 || exhausted.Attempts.Count == call.Attempts.Count ? null : $"tells of {exhausted.Attempts.Count} attempts",
            TimeoutException or ClientResultException or JsonException or IOException or HttpRequestException or ArgumentOutOfRangeException => call.Attempts.Count > 0 ? null : "failed with what nobody said",
            _ when call.Attempts.Exists(static attempt => attempt.Trouble == Trouble.IsUnforeseen) => null,
            FormatException when call.Kind == ChaosKind.Embeddings => call.Attempts.Exists(attempt => attempt.Trouble == Trouble.IsBroken) ? null : "failed with what nobody said",
            _ => "failed with something unknown",
        };
    }

    /// <summary>Two attempts that ran out of time, two that say that the request is at fault, four that leave doubt, or MaxWait: it may end though others are untried.</summary>
    private bool HasSeenEnough(ChaosCall call) =>
        call.Attempts.Count(attempt => attempt.Left - attempt.Arrived > Math.Min(run.Plan.AttemptTimeout, run.Plan.FirstContentTimeout ?? double.MaxValue) - Tolerance || attempt is { Trouble: Trouble.StatesAPause, Status: 408 }) > 1
        || Count(call, Trouble.RefusesTheRequest, Trouble.IsUnforeseen) > 1
        || Count(call, Trouble.IsBroken, Trouble.FailsBeforeContent, Trouble.Cuts, Trouble.IsUnforeseen) > 3
        || Count(call, Trouble.RefusesTheKey, Trouble.IsMissing) > 7
        || call.EndedAt - call.Began > run.Plan.MaxWait - Tolerance;

    private static int Count(ChaosCall call, params Trouble[] troubles) => call.Attempts.Count(attempt => troubles.Contains(attempt.Trouble));
}
