using System.ClientModel;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks.Stress;

/// <summary>Holds each call until it is told to answer or to refuse it, on the thread that tells it: what the caller's client does then is done at once, and there.</summary>
internal sealed class HoldingClient : IChatClient
{
    private static readonly ChatResponse Answered = new(new ChatMessage(ChatRole.Assistant, "answer"));
    private static readonly Task<ChatResponse> AtOnce = Task.FromResult(Answered);

    private readonly Queue<TaskCompletionSource<ChatResponse>> _held = new();

    /// <summary>False to answer at once.</summary>
    public bool Holds { get; set; } = true;

    /// <summary>Null to answer; else what each new call is refused with at once.</summary>
    public Exception? Refusal { get; set; }

    public int Held => _held.Count;

    public static Exception TooMany(int seconds) => new ClientResultException("429", new TooManyRequests(seconds));

    /// <summary>One for each refusal: an exception that is thrown again keeps the stack of each time before, which would be most of what is measured.</summary>
    public static Exception[] EachTooMany(int count) => [.. Enumerable.Range(0, count).Select(static _ => TooMany(60))];

    /// <summary>Answers the oldest call that it holds.</summary>
    public void Answer() => _held.Dequeue().SetResult(Answered);

    /// <summary>Refuses it.</summary>
    public void Refuse(Exception refusal) => _held.Dequeue().SetException(refusal);

    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        if (Refusal is not null)
        {
            return Task.FromException<ChatResponse>(Refusal);
        }

        if (!Holds)
        {
            return AtOnce;
        }

        TaskCompletionSource<ChatResponse> held = new();
        _held.Enqueue(held);
        return held.Task;
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }
}
