using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>An endpoint as a ready-made client, which may keep its conversations itself.</summary>
internal sealed class ChaosClient(ChaosRun run, ChaosEndpoint endpoint) : IChatClient
{
    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ChaosCall call = run.Find(messages.Single().Text);
        ChaosAttempt attempt = endpoint.Arrive(call, "");
        try
        {
            run.Check(options?.ConversationId == call.Conversation, call, "carries another conversation");
            await WaitAsync(attempt.Latency, cancellationToken);
            await ChaosFailure.OfAsync(run, endpoint, call, attempt, cancellationToken);
            return new ChatResponse(new ChatMessage(ChatRole.Assistant, call.Answer))
            {
                FinishReason = ChatFinishReason.Stop,
                ConversationId = run.Conversations.Keep(call, endpoint.Index),
            };
        }
        finally
        {
            endpoint.Leave(attempt);
        }
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ChaosCall call = run.Find(messages.Single().Text);
        ChaosAttempt attempt = endpoint.Arrive(call, "");
        try
        {
            run.Check(options?.ConversationId == call.Conversation, call, "carries another conversation");
            string? conversation = run.Conversations.Keep(call, endpoint.Index);
            if (call.Id % 3 == 0)
            {
                yield return new ChatResponseUpdate(ChatRole.Assistant, []) { ConversationId = conversation };
            }

            await WaitAsync(attempt.Latency, cancellationToken);
            if (attempt.BreaksAfter == int.MaxValue)
            {
                await ChaosFailure.OfAsync(run, endpoint, call, attempt, cancellationToken);
            }

            for (int i = 0; i < call.Pieces; i++)
            {
                await WaitAsync(i == 0 ? 0 : attempt.Gap, cancellationToken);
                if (i == attempt.BreaksAfter)
                {
                    await ChaosFailure.OfAsync(run, endpoint, call, attempt, cancellationToken);
                }

                yield return new ChatResponseUpdate(ChatRole.Assistant, call.Piece(i)) { ConversationId = call.Id % 3 == 1 ? conversation : null };
            }

            if (attempt.BreaksAfter > call.Pieces)
            {
                yield return new ChatResponseUpdate { FinishReason = ChatFinishReason.Stop, ConversationId = conversation };
            }

            if (attempt.BreaksAfter != int.MaxValue)
            {
                await ChaosFailure.OfAsync(run, endpoint, call, attempt, cancellationToken);
            }
        }
        finally
        {
            endpoint.Leave(attempt);
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }

    private Task WaitAsync(double seconds, CancellationToken cancellationToken) => seconds == 0 ? Task.CompletedTask : run.Time.WaitAsync(seconds, cancellationToken);
}
