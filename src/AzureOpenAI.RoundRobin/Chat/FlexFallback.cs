using System.ClientModel;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Calls;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>A call that asks for flex goes on to the standard tier where no endpoint takes it as flex at once.</summary>
/// <param name="flex">The loop of its calls as flex, which waits for nothing.</param>
/// <param name="standard">The loop of its calls as standard.</param>
internal sealed class FlexFallback(AttemptLoop flex, AttemptLoop standard)
{
    private readonly AttemptLoop _flex = flex;
    private readonly AttemptLoop _standard = standard;

    /// <summary>The service is out of flex at every endpoint, or none of them may be asked at present.</summary>
    public static bool IsOut(Exception exception) => exception is EndpointsExhaustedException or ClientResultException { Status: 429 };

    public async Task<ChatResponse> GetResponseAsync(ChatRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return await _flex.RunAsync<ChatOperation, ChatResponse>(new ChatOperation(request), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (IsOut(exception))
        {
        }

        ChatResponse answer = await _standard.RunAsync<ChatOperation, ChatResponse>(new ChatOperation(Standard(request)), cancellationToken).ConfigureAwait(false);
        (answer.AdditionalProperties ??= [])[AnswerOrigin.ServiceTier] = AnswerOrigin.StandardTier;
        return answer;
    }

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The stream is disposed as its enumerator.")]
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(ChatRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IAsyncEnumerator<ChatResponseUpdate> updates = new ChatStream(_flex, request, cancellationToken).GetAsyncEnumerator(CancellationToken.None);
        bool isStandard = false;
        try
        {
            bool moved;
            try
            {
                moved = await updates.MoveNextAsync().ConfigureAwait(false);
            }
            catch (Exception exception) when (IsOut(exception))
            {
                await updates.DisposeAsync().ConfigureAwait(false);
                isStandard = true;
                updates = new ChatStream(_standard, Standard(request), cancellationToken).GetAsyncEnumerator(CancellationToken.None);
                moved = await updates.MoveNextAsync().ConfigureAwait(false);
            }

            for (; moved; moved = await updates.MoveNextAsync().ConfigureAwait(false))
            {
                ChatResponseUpdate update = updates.Current;
                if (isStandard)
                {
                    (update.AdditionalProperties ??= [])[AnswerOrigin.ServiceTier] = AnswerOrigin.StandardTier;
                    isStandard = false;
                }

                yield return update;
            }
        }
        finally
        {
            await updates.DisposeAsync().ConfigureAwait(false);
        }
    }

    private ChatRequest Standard(in ChatRequest request) => new(request.Messages, ServiceTier.Standard(request.Options!), _standard.IsMapped, request.Affinity);
}
