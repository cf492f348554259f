using System.ClientModel;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.Load;

/// <summary>Makes the calls of one plan on one client, and judges every answer.</summary>
internal sealed class LoadDriver(IChatClient client, Func<IChatClient> create, LoadPlan plan, int cell)
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
        if (plan.Conversations > 0)
        {
            await Task.WhenAll(Enumerable.Range(0, plan.Conversations).Select(number => Task.Run(() => TalkAsync(number))));
        }
        else if (plan.AtOnce > 0)
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

    /// <summary>Keeps the history as an app would; the answers in it are of our own making, so that all clients send the same.</summary>
    private async Task TalkAsync(int number)
    {
        List<ChatMessage> history = Conversation.Begin(number);
        for (int turn = 0; turn < plan.Turns; turn++)
        {
            await CallAsync(Now, history);
            history.AddRange(Conversation.Turn(number, turn));
        }
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

    private async Task CallAsync(double due, IReadOnlyList<ChatMessage>? history = null)
    {
        int number = Interlocked.Increment(ref _calls);
        bool filtered = plan.FilteredEach > 0 && number % plan.FilteredEach == 0;
        string prompt = Answer.Prompt(cell, number);
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(plan.PatienceSeconds));
        Verdict verdict;
        string? thrown = null;
        UsageDetails? usage = null;
        IChatClient own = plan.HasClientEach ? create() : client;
        ChatOptions? options = plan.MaxTokens.Count == 0 ? null : new() { MaxOutputTokens = plan.MaxTokens[number % plan.MaxTokens.Count] };
        ChatMessage[] asked = [.. history ?? [], new(ChatRole.User, filtered ? $"{prompt} {FilterMarker}" : prompt)];
        try
        {
            if (plan.Streams)
            {
                verdict = Answer.Judge(prompt, await StreamAsync(own, asked, options, patience.Token));
            }
            else
            {
                ChatResponse response = await own.GetResponseAsync(asked, options, patience.Token);
                verdict = Answer.Judge(prompt, response.Text);
                usage = response.Usage;
            }
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

        finally
        {
            if (plan.HasClientEach)
            {
                own.Dispose();
            }
        }

        _records.Add(new CallRecord(due, Now, verdict, thrown) { Tokens = usage?.InputTokenCount ?? 0, CachedTokens = usage?.CachedInputTokenCount ?? 0 });
    }

    private static async Task<string> StreamAsync(IChatClient client, ChatMessage[] messages, ChatOptions? options, CancellationToken token)
    {
        StringBuilder text = new();
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(messages, options, token))
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
