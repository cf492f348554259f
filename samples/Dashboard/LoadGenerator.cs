using System.Diagnostics;
using Microsoft.Extensions.AI;

namespace Dashboard;

/// <summary>Keeps asking at the pace that the page sets, half of the calls as streams, whether or not the answers keep up.</summary>
internal sealed class LoadGenerator(IChatClient chat, LoadSettings settings) : BackgroundService
{
    private const int MostAtOnce = 2_000;

    /// <summary>Long enough for the prompt cache, which starts at 1,024 tokens.</summary>
    private static readonly string Instructions = string.Concat(Enumerable.Repeat("Answer in one short sentence, in plain words, and say what you are not sure of. ", 64));

    private static readonly string[] Questions =
        ["Which city has the most bridges?", "Why is the sky blue?", "How long does a day last on Mars?", "What does round-robin mean?", "How deep is the sea?"];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        List<Task> running = [];
        using PeriodicTimer timer = new(TimeSpan.FromMilliseconds(20));
        long last = Stopwatch.GetTimestamp();
        double due = 0;
        try
        {
            for (int number = 0; await timer.WaitForNextTickAsync(stoppingToken);)
            {
                running.RemoveAll(static call => call.IsCompleted);
                long now = Stopwatch.GetTimestamp();
                double pace = settings.CallsPerSecond;
                due = Math.Min(due + (Stopwatch.GetElapsedTime(last, now).TotalSeconds * pace), Math.Max(1, pace));
                last = now;
                for (; due >= 1 && running.Count < MostAtOnce; due--)
                {
                    running.Add(CallAsync(number++, stoppingToken));
                }
            }
        }
        finally
        {
            await Task.WhenAll(running);
        }
    }

    private async Task CallAsync(int number, CancellationToken cancellationToken)
    {
        ChatMessage[] messages = [new(ChatRole.System, Instructions), new(ChatRole.User, Questions[number % Questions.Length])];
        try
        {
            // In threes, so that of two or three endpoints none has all the streams.
            if (number / 3 % 2 == 0)
            {
                await chat.GetResponseAsync(messages, cancellationToken: cancellationToken);
                return;
            }

            await foreach (ChatResponseUpdate _ in chat.GetStreamingResponseAsync(messages, cancellationToken: cancellationToken))
            {
            }
        }
#pragma warning disable CA1031 // The live view shows how calls end; the load goes on.
        catch
#pragma warning restore CA1031
        {
        }
    }
}
