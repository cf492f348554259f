using System.ClientModel;
using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat.Responses;

/// <summary>
/// A client of the Responses API that sends its resource only what that can decrypt: reasoning that another resource has sealed is left out, and where the service refuses
/// what is sent, the request is made once more without any.
/// </summary>
/// <param name="client">The client of the endpoint.</param>
/// <param name="mark">The mark of the endpoint.</param>
/// <param name="marks">Whether reasoning goes out with it.</param>
/// <param name="leftOut">Told of each call from which reasoning was left out.</param>
internal sealed class SealedChatClient(IChatClient client, EndpointMark mark, bool marks, Action leftOut) : DelegatingChatClient(client)
{
    private readonly EndpointMark _mark = mark;
    private readonly bool _marks = marks;
    private readonly Action _leftOut = leftOut;

    public override async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        IEnumerable<ChatMessage> readable = Readable(messages, out bool any);
        ChatResponse answer;
        try
        {
            answer = await base.GetResponseAsync(readable, options, cancellationToken).ConfigureAwait(false);
        }
        catch (ClientResultException exception) when (any && IsRefusal(exception))
        {
            _leftOut();
            answer = await base.GetResponseAsync(SealedReasoning.Without(readable), options, cancellationToken).ConfigureAwait(false);
        }

        for (int i = 0; _marks && i < answer.Messages.Count; i++)
        {
            SealedReasoning.Mark(answer.Messages[i].Contents, _mark);
        }

        return answer;
    }

    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        IEnumerable<ChatMessage> readable = Readable(messages, out bool any);
        IAsyncEnumerator<ChatResponseUpdate> updates = base.GetStreamingResponseAsync(readable, options, cancellationToken).GetAsyncEnumerator(cancellationToken);
        try
        {
            bool moved;
            try
            {
                moved = await updates.MoveNextAsync().ConfigureAwait(false);
            }
            catch (ClientResultException exception) when (any && IsRefusal(exception))
            {
                _leftOut();
                await updates.DisposeAsync().ConfigureAwait(false);
                updates = base.GetStreamingResponseAsync(SealedReasoning.Without(readable), options, cancellationToken).GetAsyncEnumerator(cancellationToken);
                moved = await updates.MoveNextAsync().ConfigureAwait(false);
            }

            for (; moved; moved = await updates.MoveNextAsync().ConfigureAwait(false))
            {
                ChatResponseUpdate update = updates.Current;
                if (_marks)
                {
                    SealedReasoning.Mark(update.Contents, _mark);
                }

                yield return update;
            }
        }
        finally
        {
            await updates.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The service says it in two forms, of which one has no code.</summary>
    private static bool IsRefusal(ClientResultException exception) => exception.Status == 400
        && (exception.Message.Contains("invalid_encrypted_content", StringComparison.OrdinalIgnoreCase)
            || exception.Message.Contains("different Azure OpenAI resource", StringComparison.OrdinalIgnoreCase));

    private IEnumerable<ChatMessage> Readable(IEnumerable<ChatMessage> messages, out bool any)
    {
        IEnumerable<ChatMessage> readable = SealedReasoning.For(messages, _mark, out any, out bool some);
        if (some)
        {
            _leftOut();
        }

        return readable;
    }
}
