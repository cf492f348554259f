using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>A client that does what its callbacks say, and counts.</summary>
internal sealed class FakeChatClient : IChatClient
{
    private readonly ConcurrentQueue<HeldCall> _held = new();
    private readonly ConcurrentQueue<DateTimeOffset> _times = new();
    private int _calls;
    private int _disposals;
    private int _enumeratorsDisposed;

    public FakeChatClient(string name = "fake")
    {
        Name = name;
        OnCall = (_, _, _) => Task.FromResult(Answer(Name));
        OnStream = (_, _, token) => Updates(token, Name);
    }

    public string Name { get; }

    /// <summary>Where the times of calls are read from.</summary>
    public TimeProvider? Clock { get; init; }

    public int Calls => Volatile.Read(ref _calls);

    public int Disposals => Volatile.Read(ref _disposals);

    /// <summary>How many streams were let go of, however they ended.</summary>
    public int EnumeratorsDisposed => Volatile.Read(ref _enumeratorsDisposed);

    /// <summary>When each call came, from the start of the clock, in seconds.</summary>
    public double[] Times => [.. _times.Select(time => Math.Round((time - Clocks.Start).TotalSeconds, 3))];

    /// <summary>The calls since <see cref="Hold"/>, in order of arrival.</summary>
    public HeldCall[] Held => [.. _held];

    public int Running => _held.Count(held => !held.End.IsCompleted);

    public Func<IEnumerable<ChatMessage>, ChatOptions?, CancellationToken, Task<ChatResponse>> OnCall { get; set; }

    public Func<IEnumerable<ChatMessage>, ChatOptions?, CancellationToken, IAsyncEnumerable<ChatResponseUpdate>> OnStream { get; set; }

    public Action OnDispose { get; set; } = () => { };

    /// <summary>The same failure for calls and for streams; null to succeed again.</summary>
    public Exception? Fails
    {
        set
        {
            OnCall = (_, _, _) => value is null ? Task.FromResult(Answer(Name)) : Task.FromException<ChatResponse>(value);
            OnStream = (_, _, token) => value is null ? Updates(token, Name) : Failing(value);
        }
    }

    public static ChatResponse Answer(string text) => new(new ChatMessage(ChatRole.Assistant, text)) { FinishReason = ChatFinishReason.Stop };

    public static async IAsyncEnumerable<ChatResponseUpdate> Updates([EnumeratorCancellation] CancellationToken token, params string[] texts)
    {
        foreach (string text in texts)
        {
            token.ThrowIfCancellationRequested();
            yield return new ChatResponseUpdate(ChatRole.Assistant, text);
        }

        await Task.CompletedTask;
    }

    public static async IAsyncEnumerable<ChatResponseUpdate> Failing(Exception failure, params string[] before)
    {
        foreach (string text in before)
        {
            yield return new ChatResponseUpdate(ChatRole.Assistant, text);
        }

        await Task.CompletedTask;
        throw failure;
    }

    /// <summary>From now on calls and streams stay here until the test ends each, or until their token is cancelled.</summary>
    public void Hold()
    {
        OnCall = async (_, _, token) => Answer(await HoldAsync(token));
        OnStream = (_, _, token) => HeldStream(token);
    }

    /// <summary>The next calls fail so, in order, null being a success; those after them succeed.</summary>
    public void Plays(params Exception?[] outcomes)
    {
        ConcurrentQueue<Exception?> script = new(outcomes);
        OnCall = (_, _, _) => script.TryDequeue(out Exception? failure) && failure is not null
            ? Task.FromException<ChatResponse>(failure)
            : Task.FromResult(Answer(Name));
        OnStream = (_, _, token) => script.TryDequeue(out Exception? failure) && failure is not null ? Failing(failure) : Updates(token, Name);
    }

    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        Count();
        return OnCall(messages, options, cancellationToken);
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        Count();
        return new Watched(this, OnStream(messages, options, cancellationToken));
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
        Interlocked.Increment(ref _disposals);
        OnDispose();
    }

    private void Count()
    {
        Interlocked.Increment(ref _calls);
        if (Clock is { } clock)
        {
            _times.Enqueue(clock.GetUtcNow());
        }
    }

    private Task<string> HoldAsync(CancellationToken token)
    {
        HeldCall held = new(Name, token);
        _held.Enqueue(held);
        return held.End;
    }

    private async IAsyncEnumerable<ChatResponseUpdate> HeldStream([EnumeratorCancellation] CancellationToken token)
    {
        yield return new ChatResponseUpdate(ChatRole.Assistant, await HoldAsync(token));
    }

    private sealed class Watched(FakeChatClient client, IAsyncEnumerable<ChatResponseUpdate> updates) : IAsyncEnumerable<ChatResponseUpdate>
    {
        public IAsyncEnumerator<ChatResponseUpdate> GetAsyncEnumerator(CancellationToken cancellationToken = default) =>
            new Enumerator(client, updates.GetAsyncEnumerator(cancellationToken));
    }

    private sealed class Enumerator(FakeChatClient client, IAsyncEnumerator<ChatResponseUpdate> inner) : IAsyncEnumerator<ChatResponseUpdate>
    {
        public ChatResponseUpdate Current => inner.Current;

        public ValueTask<bool> MoveNextAsync() => inner.MoveNextAsync();

        public ValueTask DisposeAsync()
        {
            Interlocked.Increment(ref client._enumeratorsDisposed);
            return inner.DisposeAsync();
        }
    }
}
