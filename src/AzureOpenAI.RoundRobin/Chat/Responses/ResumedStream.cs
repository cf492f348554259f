using System.ClientModel;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat.Responses;

/// <summary>
/// A stream of a background job that goes on after a break: the job runs on at its endpoint, and its events after the last one that came can be read there.
/// </summary>
/// <remarks>Every update of such a stream has a token, which says the event that it came of. So none is read twice, and none is passed over.</remarks>
/// <param name="open">Opens a stream at the endpoint that the options' token names, or anywhere where they have none.</param>
internal sealed class ResumedStream(Func<IEnumerable<ChatMessage>, ChatOptions, CancellationToken, IAsyncEnumerable<ChatResponseUpdate>> open)
{
    private readonly Func<IEnumerable<ChatMessage>, ChatOptions, CancellationToken, IAsyncEnumerable<ChatResponseUpdate>> _open = open;

    public async IAsyncEnumerable<ChatResponseUpdate> ReadAsync(
        IEnumerable<ChatMessage> messages, ChatOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ResponseContinuationToken? last = null;
        bool hasCalls = false;
        IAsyncEnumerator<ChatResponseUpdate> updates = _open(messages, options, cancellationToken).GetAsyncEnumerator(CancellationToken.None);
        try
        {
            while (true)
            {
                ChatStreamInterruptedException? broken = null;
                try
                {
                    if (!await updates.MoveNextAsync().ConfigureAwait(false))
                    {
                        yield break;
                    }
                }
                catch (ChatStreamInterruptedException exception) when (last is not null && exception.InnerException is not ClientResultException { Status: > 0 })
                {
                    // What the service itself says of the job is no break.
                    broken = exception;
                }

                if (broken is not null)
                {
                    await updates.DisposeAsync().ConfigureAwait(false);
                    updates = _open([], Continuing(options, last!), cancellationToken).GetAsyncEnumerator(CancellationToken.None);
                    if (!await GoesOnAsync(updates, broken, cancellationToken).ConfigureAwait(false))
                    {
                        yield break;
                    }
                }

                ChatResponseUpdate update = updates.Current;
                last = update.ContinuationToken ?? last;
                hasCalls |= HasCall(update);
                if (hasCalls && update.FinishReason == ChatFinishReason.Stop)
                {
                    // The calls came before the break.
                    update.FinishReason = ChatFinishReason.ToolCalls;
                }

                yield return update;
            }
        }
        finally
        {
            await updates.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Where the job cannot be read any more the caller still gets what it would have got without a resumption: an answer that is incomplete.</summary>
    private static async ValueTask<bool> GoesOnAsync(IAsyncEnumerator<ChatResponseUpdate> updates, ChatStreamInterruptedException broken, CancellationToken cancellationToken)
    {
        try
        {
            return await updates.MoveNextAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not ChatStreamInterruptedException && !cancellationToken.IsCancellationRequested)
        {
            throw new ChatStreamInterruptedException($"{broken.Message} It could not be resumed there: {exception.Message}", broken.EndpointName, exception);
        }
    }

    private static ChatOptions Continuing(ChatOptions options, ResponseContinuationToken last)
    {
        ChatOptions copy = options.Clone();
        copy.ContinuationToken = last;
        return copy;
    }

    private static bool HasCall(ChatResponseUpdate update)
    {
        foreach (AIContent content in update.Contents)
        {
            if (content is FunctionCallContent { InformationalOnly: false })
            {
                return true;
            }
        }

        return false;
    }
}
