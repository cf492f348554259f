using System.ClientModel;
using System.Collections.Concurrent;
using System.Text.Json;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Chaos;

/// <summary>Callers of every kind, one call after the other, and what each of their calls may end with.</summary>
internal sealed class ChaosCallers(IChatClient client, string[] names, int seed)
{
    private readonly ConcurrentDictionary<string, int> _endings = new();
    private int _calls;

    /// <summary>What should not have happened.</summary>
    public ConcurrentQueue<string> Faults { get; } = new();

    /// <summary>Somebody disposes the pool meanwhile.</summary>
    public bool MayBeDisposed { get; init; }

    public override string ToString() => $"{_calls} calls: {string.Join(", ", _endings.OrderBy(ending => ending.Key, StringComparer.Ordinal).Select(ending => $"{ending.Value} {ending.Key}"))}";

    public async Task CallAsync(CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            await CallAsync(Interlocked.Increment(ref _calls));
        }
    }

    private async Task CallAsync(int number)
    {
        Random random = new(seed ^ number);
        string prompt = $"<{Guid.NewGuid():N}> number {number}";
        bool streams = random.Next(2) == 0;
        int walksAwayAfter = random.Next(10) == 0 ? random.Next(1, 4) : int.MaxValue;
        using CancellationTokenSource source = new();
        if (random.Next(6) == 0)
        {
            source.CancelAfter(random.Next(0, 60));
        }

        string text = "";
        bool isWhole = false;
        Exception? thrown = null;
        try
        {
            if (streams)
            {
                isWhole = true;
                int updates = 0;
                await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(prompt, cancellationToken: source.Token))
                {
                    text += update.Text;
                    if (++updates >= walksAwayAfter)
                    {
                        isWhole = false;
                        break;
                    }
                }
            }
            else
            {
                text = (await client.GetResponseAsync(prompt, cancellationToken: source.Token)).Text;
                isWhole = true;
            }
        }
#pragma warning disable CA1031 // Whatever it is is judged.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            thrown = exception;
        }

        _endings.AddOrUpdate(thrown is null ? (isWhole ? "answered" : "left") : thrown.GetType().Name, 1, (_, count) => count + 1);
        if (Fault(prompt, text, isWhole, thrown, source.Token) is { } fault)
        {
            Faults.Enqueue($"{prompt} {(streams ? "(stream) " : "")}{fault}: '{text}' {thrown}");
        }
    }

    private string? Fault(string prompt, string text, bool isWhole, Exception? thrown, CancellationToken token)
    {
        bool isBegin = text.Length == 0 || Array.Exists(names, name => $"[{name}] {prompt}".StartsWith(text, StringComparison.Ordinal));
        bool isAnswer = Array.Exists(names, name => $"[{name}] {prompt}" == text);
        return !isBegin ? "got something else"
            : thrown is null ? (!isWhole || isAnswer ? null : "got a part for the whole")
            : thrown switch
            {
                OperationCanceledException cancelled => token.IsCancellationRequested && cancelled.CancellationToken == token ? null : "was given up by nobody",
                ChatStreamInterruptedException => text.Length > 0 ? null : "was broken off before anything came",
                ObjectDisposedException => MayBeDisposed ? null : "was told that the pool is disposed",
                ClientResultException or TimeoutException or JsonException or IOException or HttpRequestException or ArgumentOutOfRangeException => null,
                _ => "failed with something unknown",
            };
    }
}
