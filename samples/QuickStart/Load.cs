using System.Collections.Concurrent;
using System.Diagnostics;
using AzureOpenAI.RoundRobin;
using Microsoft.Extensions.AI;

namespace QuickStart;

/// <summary>Many concurrent calls, half of them streams; each answer is compared with its question.</summary>
/// <param name="chat">The app's client.</param>
/// <param name="calls">The number of calls.</param>
/// <param name="callers">The number of concurrent calls.</param>
/// <param name="echoes">Whether the endpoints are simulated ones, which answer with their name and the question.</param>
internal sealed class Load(IChatClient chat, int calls, int callers, bool echoes)
{
    private int _answered;
    private int _asked;
    private int _movedOn;
    private int _askedAgain;

    public int Calls => calls;

    public int Answered => Volatile.Read(ref _answered);

    /// <summary>Calls with more than one attempt.</summary>
    public int MovedOn => Volatile.Read(ref _movedOn);

    /// <summary>Streams that broke off after their first content, so that the app had to ask again.</summary>
    public int AskedAgain => Volatile.Read(ref _askedAgain);

    public int Finished => Answered + Lost;

    public int Lost => Losses.Count;

    /// <summary>The ends of the calls without a right answer.</summary>
    public ConcurrentQueue<string> Losses { get; } = new();

    public TimeSpan Elapsed { get; private set; }

    /// <param name="onFinished">Called after each call with the number of finished ones.</param>
    /// <param name="cancellationToken">Cancels the calls.</param>
    public async Task RunAsync(Func<int, Task> onFinished, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        ParallelOptions parallel = new() { MaxDegreeOfParallelism = callers, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(Enumerable.Range(1, calls), parallel, async (number, token) =>
        {
            await CallAsync(number, token);
            await onFinished(Interlocked.Increment(ref _asked));
        });
        Elapsed = Stopwatch.GetElapsedTime(start);
    }

    private async Task CallAsync(int number, CancellationToken cancellationToken)
    {
        string prompt = $"Call {number}: name a city, in one word.";
        try
        {
            ChatResponse answer = number % 2 == 0
                ? await chat.GetResponseAsync(prompt, cancellationToken: cancellationToken)
                : await StreamAsync(prompt, cancellationToken);
            string? endpoint = answer.GetRoundRobinEndpoint();
            if (echoes ? answer.Text != $"[{endpoint}] {prompt}" : answer.Text.Length == 0)
            {
                Losses.Enqueue($"Call {number} got a wrong answer: '{answer.Text}'");
                return;
            }

            Interlocked.Increment(ref _answered);
            if (answer.GetRoundRobinAttempts() > 1)
            {
                Interlocked.Increment(ref _movedOn);
            }
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            Losses.Enqueue($"Call {number} failed: {failure.Message}");
        }
    }

    private async Task<ChatResponse> StreamAsync(string prompt, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await chat.GetStreamingResponseAsync(prompt, cancellationToken: cancellationToken).ToChatResponseAsync(cancellationToken);
            }
            catch (ChatStreamInterruptedException)
            {
                // Content had arrived already, so no other endpoint took over. This app may start over.
                Interlocked.Increment(ref _askedAgain);
            }
        }
    }
}
