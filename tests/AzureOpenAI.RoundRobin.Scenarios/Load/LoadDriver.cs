using System.ClientModel;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.Load;

/// <summary>Makes the calls of one plan on one client, and judges every answer.</summary>
internal sealed class LoadDriver(IChatClient client, LoadPlan plan, int cell)
{
    private const string FilterMarker = "[content-filter]";

    private readonly ConcurrentBag<CallRecord> _records = [];
    private readonly ConcurrentBag<double> _lateness = [];
    private long _start;
    private int _calls;

    /// <summary>By how much calls of the open loop started late, in seconds: a measure of this machine, not of the client.</summary>
    public IReadOnlyCollection<double> Lateness => _lateness;

    private double Now => Stopwatch.GetElapsedTime(_start).TotalSeconds;

    public async Task<IReadOnlyList<CallRecord>> RunAsync()
    {
        _start = Stopwatch.GetTimestamp();
        if (plan.AtOnce > 0)
        {
            await Task.WhenAll(Enumerable.Range(0, plan.AtOnce).Select(_ => Task.Run(() => CallAsync(0))));
        }
        else if (plan.Callers > 0)
        {
            await Task.WhenAll(Enumerable.Range(0, plan.Callers).Select(_ => Task.Run(LoopAsync)));
        }
        else
        {
            await Task.WhenAll(await Task.Factory.StartNew(Pace, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        }

        return [.. _records];
    }

    private async Task LoopAsync()
    {
        while (Now is var due && due < plan.Seconds)
        {
            await CallAsync(due);
        }
    }

    /// <summary>On a thread of its own, so that a busy pool delays the calls and not the pace.</summary>
    private List<Task> Pace()
    {
        List<Task> running = [];
        int count = (int)Math.Round(plan.PerSecond * plan.Seconds);
        for (int i = 0; i < count; i++)
        {
            double due = i / plan.PerSecond;
            while (Now is var now && now < due)
            {
                Thread.Sleep(TimeSpan.FromSeconds(Math.Max(0.0005, due - now)));
            }

            _lateness.Add(Now - due);
            running.Add(Task.Run(() => CallAsync(due)));
        }

        return running;
    }

    private async Task CallAsync(double due)
    {
        int number = Interlocked.Increment(ref _calls);
        bool filtered = plan.FilteredEach > 0 && number % plan.FilteredEach == 0;
        string prompt = Answer.Prompt(cell, number);
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(plan.PatienceSeconds));
        Verdict verdict;
        string? thrown = null;
        try
        {
            string asked = filtered ? $"{prompt} {FilterMarker}" : prompt;
            verdict = Answer.Judge(prompt, plan.Streams ? await StreamAsync(asked, patience.Token) : (await client.GetResponseAsync(asked, cancellationToken: patience.Token)).Text);
        }
#pragma warning disable CA1031 // Whatever a client throws is a result.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            thrown = Describe(exception);
            verdict = filtered && exception is ClientResultException { Status: 400 } ? Verdict.Filtered
                : exception is OperationCanceledException && patience.IsCancellationRequested ? Verdict.GaveUp
                : Verdict.Failed;
        }

        _records.Add(new CallRecord(due, Now, verdict, thrown));
    }

    private async Task<string> StreamAsync(string prompt, CancellationToken token)
    {
        StringBuilder text = new();
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(prompt, cancellationToken: token))
        {
            text.Append(update.Text);
        }

        return text.ToString();
    }

    private static string Describe(Exception exception) => exception switch
    {
        ClientResultException { Status: var status } => $"{exception.GetType().Name} {status}",
        AggregateException { InnerExceptions: [.., var last] } => $"AggregateException of {Describe(last)}",
        _ => exception.GetType().Name,
    };
}
