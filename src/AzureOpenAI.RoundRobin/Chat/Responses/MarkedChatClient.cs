using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat.Responses;

/// <summary>
/// A client of the Responses API whose resource keeps conversations, responses and jobs: their ids go out with the endpoint's mark, and come in without.
/// </summary>
/// <param name="client">The client of the endpoint.</param>
/// <param name="mark">The mark of the endpoint.</param>
/// <param name="marks">Whether ids go out with it. They come in without in any case.</param>
internal sealed class MarkedChatClient(IChatClient client, EndpointMark mark, bool marks) : DelegatingChatClient(client)
{
    private readonly EndpointMark _mark = mark;
    private readonly bool _marks = marks;

    public override async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ChatResponse answer = await base.GetResponseAsync(messages, Unmarked(options), cancellationToken).ConfigureAwait(false);
        if (_marks)
        {
            bool isOneId = answer.ConversationId == answer.ResponseId;
            answer.ResponseId = Marked(answer.ResponseId);
            answer.ConversationId = isOneId ? answer.ResponseId : Marked(answer.ConversationId);
            answer.ContinuationToken = answer.ContinuationToken is { } token ? _mark.Write(token) : null;
        }

        return answer;
    }

    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        // Every update has the ids, and nearly always the same.
        (string? Id, string? Marked) response = default;
        (string? Id, string? Marked) conversation = default;
        await foreach (ChatResponseUpdate update in base.GetStreamingResponseAsync(messages, Unmarked(options), cancellationToken).ConfigureAwait(false))
        {
            if (_marks)
            {
                response = update.ResponseId == response.Id ? response : (update.ResponseId, Marked(update.ResponseId));
                conversation = update.ConversationId == conversation.Id ? conversation : (update.ConversationId, Marked(update.ConversationId));
                (update.ResponseId, update.ConversationId) = (response.Marked, conversation.Marked);
                update.ContinuationToken = update.ContinuationToken is { } token ? _mark.Write(token) : null;
            }

            yield return update;
        }
    }

    private static ChatOptions? Unmarked(ChatOptions? options)
    {
        string? id = null;
        ResponseContinuationToken? token = null;
        bool any = options?.ConversationId is { } conversation && EndpointMark.Read(conversation, out id) is not null;
        any |= options?.ContinuationToken is { } continuation && EndpointMark.Read(continuation, out token) is not null;
        if (!any)
        {
            return options;
        }

        ChatOptions copy = options!.Clone();
        copy.ConversationId = id;
        copy.ContinuationToken = token;
        return copy;
    }

    private string? Marked(string? id) => id is null ? null : _mark.Write(id);
}
