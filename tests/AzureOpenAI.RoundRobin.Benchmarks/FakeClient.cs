using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>Answers at once from memory, or after a yield.</summary>
internal sealed class FakeClient(bool isAsynchronous) : IChatClient
{
    private const int Updates = 20;

    private static readonly ChatResponse Answer = new(new ChatMessage(ChatRole.Assistant, "answer"));
    private static readonly ChatResponseUpdate Update = new(ChatRole.Assistant, "update");
    private static readonly Task<ChatResponse> Completed = Task.FromResult(Answer);

    private readonly bool _isAsynchronous = isAsynchronous;

    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        _isAsynchronous ? AnswerLaterAsync() : Completed;

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        for (int i = 0; i < Updates; i++)
        {
            if (_isAsynchronous)
            {
                await Task.Yield();
            }

            yield return Update;
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }

    private static async Task<ChatResponse> AnswerLaterAsync()
    {
        await Task.Yield();
        return Answer;
    }
}
