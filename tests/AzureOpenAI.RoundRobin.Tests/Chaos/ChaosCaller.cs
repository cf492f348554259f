using System.ClientModel;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>Makes the calls, and judges how each of them ended.</summary>
internal sealed class ChaosCaller(ChaosRun run) : IDisposable
{
    /// <summary>Timers are late by a little, and waits are many.</summary>
    private const double Tolerance = 0.25;

    private readonly RoundRobinChatClient _client = new(run.Pool, leaveOpen: true);

    /// <param name="id">Its number.</param>
    /// <param name="isPlain">With a caller who does nothing but wait for the answer.</param>
    /// <param name="model">What to ask for; null to draw it.</param>
    public ChaosCall Draw(int id, bool isPlain, string? model)
    {
        ChaosDraw draw = run.Draw;
        bool isStream = draw.Chance(0.5);
        return new ChaosCall(id, isStream, model ?? draw.Of<string>(run.Plan.Models), 1 + draw.Below(6), run.Time.Seconds)
        {
            SuspendedBefore = run.Time.Suspended,
            IsBad = !isPlain && draw.Chance(0.02),
            GivesUpAfter = isPlain || draw.Chance(0.85) ? null : draw.Chance(0.1) ? 0 : draw.LogNormal(run.Plan.IsFast ? 0.2 : 4, 1.5),
            WalksAwayAfter = !isPlain && isStream && draw.Chance(0.05) ? 1 + draw.Below(3) : null,
            PerPiece = !isPlain && isStream && draw.Chance(0.1) ? draw.Between(0.01, 5) : 0,
        };
    }

    public async Task CallAsync(ChaosCall call)
    {
        using CancellationTokenSource source = call.GivesUpAfter is { } after ? new(TimeSpan.FromSeconds(after), run.Time) : new();
        if (call.GivesUpAfter == 0)
        {
            await source.CancelAsync();
        }

        using CancellationTokenRegistration registration = source.Token.Register(() => run.GiveUp(call));
        ChatOptions? options = call.Model.Length == 0 ? null : new() { ModelId = call.Model };
        List<string> pieces = [];
        Exception? thrown = null;
        try
        {
            if (call.IsStream)
            {
                await ReadAsync(call, options, pieces, source.Token);
            }
            else
            {
                pieces.Add((await _client.GetResponseAsync(call.Prompt, options, source.Token)).Text);
            }
        }
#pragma warning disable CA1031 // Whatever it is is judged.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            thrown = exception;
        }

        if (!run.IsDriver)
        {
            await call.Home.Task;
        }

        call.GaveUpAt ??= source.IsCancellationRequested ? run.Time.Seconds : null;
        run.Ended(call, thrown is null ? "answered" : thrown.GetType().Name + (thrown is ClientResultException { Status: var status } ? $" {status}" : ""));
        if (Fault(call, pieces, thrown, source.Token) is { } fault)
        {
            run.Report($"{call} {fault}{(thrown is null ? "" : $" ({thrown.GetType().Name}: {thrown.Message})")}");
        }
    }

    public void Dispose() => _client.Dispose();

    private async Task ReadAsync(ChaosCall call, ChatOptions? options, List<string> pieces, CancellationToken cancellationToken)
    {
        await foreach (ChatResponseUpdate update in _client.GetStreamingResponseAsync(call.Prompt, options, cancellationToken))
        {
            if (update.Text.Length == 0)
            {
                continue;
            }

            call.ContentAt ??= run.Time.Seconds;
            pieces.Add(update.Text);
            if (pieces.Count == call.WalksAwayAfter)
            {
                return;
            }

            if (call.PerPiece > 0)
            {
                call.IsRead = true;
                await run.Time.WaitAsync(call.PerPiece, CancellationToken.None);
                call.IsRead = false;
            }
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

        double end = call.ContentAt ?? call.EndedAt!.Value;
        double tried = call.Attempts.Sum(attempt => Math.Min(end, attempt.Left!.Value) - attempt.Arrived);
        double longest = call.Attempts.Count == 0 ? 0 : call.Attempts.Max(attempt => Math.Min(end, attempt.Left!.Value) - attempt.Arrived);
        bool beforeContent = !call.IsStream || call.ContentAt is not null || call.Attempts.Count == 0;
        return end - call.Began - tried > run.Plan.MaxWait + Tolerance + (0.02 * call.Attempts.Count) ? $"waited for {end - call.Began - tried:0.000} s"
            : beforeContent && longest > (run.Plan.AttemptTimeout * (call.IsStream ? 2 : 1)) + Tolerance ? $"was at one endpoint for {longest:0.000} s"
            : call.GaveUpAt is { } gaveUp && call.EndedAt > gaveUp + (call.PerPiece * call.Pieces) + Tolerance ? "went on after its caller gave up"
            : null;
    }

    private string? Unjustified(ChaosCall call, Exception thrown, string text, CancellationToken token)
    {
        if (call.GaveUpAt is not null)
        {
            return thrown is OperationCanceledException cancelled && cancelled.CancellationToken == token ? null : "did not end as given up";
        }

        bool hadBadLuck = Count(call, Trouble.ThrottlesForHours, Trouble.SaysNonsense) > 1 || Count(call, Trouble.IsBroken, Trouble.FailsBeforeContent, Trouble.Cuts) > 1
            || Count(call, Trouble.Hangs, Trouble.HangsInTheMiddle, Trouble.IsSlow) > 1;
        bool mustSucceed = (run.Plan.HasRock || run.IsHealed) && !hadBadLuck && !run.IsDisposed && run.Time.Suspended == call.SuspendedBefore && run.Plan.MaxAttempts is null;
        return thrown switch
        {
            ObjectDisposedException => run.IsDisposed ? null : "was told that the pool is disposed",
            ChatStreamInterruptedException => call.ContentAt is not null && text.Length > 0 ? null : "was broken off before anything came",
            ClientResultException { Status: 400 } => call.IsBad ? null : "was told that it is at fault",
            OperationCanceledException => "was given up by nobody",
            _ when mustSucceed => "failed although it should not",
            EndpointsExhaustedException exhausted => call.Attempts.Count == 0 || exhausted.Attempts.Count == call.Attempts.Count ? null : $"tells of {exhausted.Attempts.Count} attempts",
            TimeoutException or ClientResultException or JsonException or IOException or HttpRequestException or ArgumentOutOfRangeException => call.Attempts.Count > 0 ? null : "failed with what nobody said",
            _ => "failed with something unknown",
        };
    }

    private static int Count(ChaosCall call, params Trouble[] troubles) => call.Attempts.Count(attempt => troubles.Contains(attempt.Trouble));
}
