using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>Answers at once, or where the test's own thread goes on, so that all that is allocated is allocated there.</summary>
internal sealed class SteppedClient(bool isAsynchronous) : IChatClient
{
    public const int Updates = 20;

    private static readonly ChatResponse Answer = FakeChatClient.Answer("x");
    private static readonly Task<ChatResponse> Completed = Task.FromResult(Answer);
    private static readonly ChatResponseUpdate Update = new(ChatRole.Assistant, "x");

    private readonly bool _isAsynchronous = isAsynchronous;

    [ThreadStatic]
    private static Queue<Action>? _steps;

    private static Queue<Action> Steps => _steps ??= [];

    public static void Run(Task task)
    {
        while (Steps.TryDequeue(out Action? step))
        {
            step();
        }

        if (!task.IsCompletedSuccessfully)
        {
            throw new InvalidOperationException("The call was not over, or not well.", task.Exception);
        }
    }

    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        _isAsynchronous ? AnswerLaterAsync() : Completed;

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        for (int i = 0; i < Updates; i++)
        {
            if (_isAsynchronous)
            {
                await default(Step);
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
        await default(Step);
        return Answer;
    }

    private readonly struct Step : ICriticalNotifyCompletion
    {
        public bool IsCompleted => false;

        public Step GetAwaiter() => this;

        public void GetResult()
        {
        }

        public void OnCompleted(Action continuation) => Steps.Enqueue(continuation);

        public void UnsafeOnCompleted(Action continuation) => Steps.Enqueue(continuation);
    }
}
