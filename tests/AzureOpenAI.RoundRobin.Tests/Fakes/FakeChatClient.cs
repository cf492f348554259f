using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>A client that does what its callbacks say, and counts.</summary>
internal sealed class FakeChatClient : IChatClient
{
    private int _calls;
    private int _disposals;

    public FakeChatClient(string name = "fake")
    {
        Name = name;
        OnCall = (_, _, _) => Task.FromResult(Answer(Name));
        OnStream = (_, _, token) => Updates(token, Name);
    }

    public string Name { get; }

    public int Calls => Volatile.Read(ref _calls);

    public int Disposals => Volatile.Read(ref _disposals);

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

    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _calls);
        return OnCall(messages, options, cancellationToken);
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _calls);
        return OnStream(messages, options, cancellationToken);
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
        Interlocked.Increment(ref _disposals);
        OnDispose();
    }
}
