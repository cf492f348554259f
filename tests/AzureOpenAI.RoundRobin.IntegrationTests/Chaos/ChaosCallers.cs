using System.ClientModel;
using System.Collections.Concurrent;
using System.Text.Json;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Chaos;

/// <summary>Callers of every kind, one call after the other, and what each of their calls may end with.</summary>
internal sealed class ChaosCallers(Fleet fleet, string[] names, int seed) : IDisposable
{
    public const string Vectors = "vectors";

    private static readonly string[] Batch = ["a first text", "a second one"];

    private readonly RoundRobinEmbeddingGenerator _generator = new(fleet.Pool, leaveOpen: true);
    private readonly ConcurrentDictionary<string, int> _endings = new();
    private float[][] _expected = [];
    private int _calls;

    private enum Kind
    {
        Call,
        Stream,
        Operation,
        Embeddings,
    }

    /// <summary>What should not have happened.</summary>
    public ConcurrentQueue<string> Faults { get; } = new();

    /// <summary>Somebody disposes the pool meanwhile.</summary>
    public bool MayBeDisposed { get; init; }

    public override string ToString() => $"{_calls} calls: {string.Join(", ", _endings.OrderBy(ending => ending.Key, StringComparer.Ordinal).Select(ending => $"{ending.Value} {ending.Key}"))}";

    public void Dispose() => _generator.Dispose();

    /// <summary>Asks for the vectors while all is well; later ones must be the same.</summary>
    public async Task LearnAsync() => _expected = await EmbedAsync(TestContext.Current.CancellationToken);

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
        Kind kind = random.Next(10) switch { < 4 => Kind.Call, < 8 => Kind.Stream, 8 => Kind.Operation, _ => Kind.Embeddings };
        int walksAwayAfter = random.Next(10) == 0 ? random.Next(1, 4) : int.MaxValue;
        using CancellationTokenSource source = new();
        if (random.Next(6) == 0)
        {
            source.CancelAfter(random.Next(0, 60));
        }

        string text = "";
        float[][]? vectors = null;
        bool isWhole = false;
        Exception? thrown = null;
        try
        {
            switch (kind)
            {
                case Kind.Stream:
                    isWhole = true;
                    int updates = 0;
                    IAsyncEnumerator<ChatResponseUpdate> stream = fleet.Client.GetStreamingResponseAsync(prompt, cancellationToken: source.Token).GetAsyncEnumerator(CancellationToken.None);
                    while (isWhole && await stream.MoveNextAsync())
                    {
                        text += stream.Current.Text;
                        isWhole = ++updates < walksAwayAfter;
                    }

                    // Some leave it without disposing of it.
                    if (isWhole || random.Next(3) > 0)
                    {
                        await stream.DisposeAsync();
                    }

                    break;
                case Kind.Operation:
                    // The pool does not know what comes of an operation, so an error that the service calls a success is the operation's own affair.
                    text = (await fleet.Pool.InvokeAsync((client, token) => client.Client.GetChatClient(client.DeploymentName).AsIChatClient().GetResponseAsync(prompt, cancellationToken: token), cancellationToken: source.Token)).Text;
                    isWhole = text.Length > 0;
                    break;
                case Kind.Embeddings:
                    vectors = await EmbedAsync(source.Token);
                    isWhole = true;
                    break;
                default:
                    text = (await fleet.Client.GetResponseAsync(prompt, cancellationToken: source.Token)).Text;
                    isWhole = true;
                    break;
            }
        }
#pragma warning disable CA1031 // Whatever it is is judged.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            thrown = exception;
        }

        _endings.AddOrUpdate($"{kind} {(thrown is null ? (isWhole ? "answered" : "left") : thrown.GetType().Name)}", 1, (_, count) => count + 1);
        string? fault = vectors is null ? Fault(prompt, text, isWhole && kind != Kind.Embeddings, thrown, source.Token)
            : Enumerable.Range(0, Batch.Length).All(i => vectors.Length == Batch.Length && vectors[i].SequenceEqual(_expected[i])) ? null
            : "got other vectors";
        if (fault is not null)
        {
            Faults.Enqueue($"{prompt} ({kind}) {fault}: '{text}' {thrown}");
        }
    }

    private async Task<float[][]> EmbedAsync(CancellationToken cancellationToken) =>
        [.. (await _generator.GenerateAsync(Batch, new() { ModelId = Vectors, Dimensions = 8 }, cancellationToken)).Select(embedding => embedding.Vector.ToArray())];

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
                ClientResultException or TimeoutException or JsonException or IOException or HttpRequestException or ArgumentOutOfRangeException or FormatException => null,
                // What the SDK throws at JSON of another shape than it expects.
                InvalidOperationException => null,
                _ => "failed with something unknown",
            };
    }
}
