using System.Collections.Concurrent;

namespace AzureOpenAI.Simulator;

/// <summary>The responses and conversations that one resource keeps. No other resource knows their ids.</summary>
internal sealed class ResponseStore(string resource)
{
    private readonly ConcurrentDictionary<string, StoredResponse> _responses = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, IReadOnlyList<RequestMessage>> _conversations = new(StringComparer.Ordinal);

    public StoredResponse? Find(string id) => _responses.GetValueOrDefault(id);

    public bool Delete(string id) => _responses.TryRemove(id, out _);

    public void AddConversation(string id) => _conversations[id] = [];

    /// <summary>Keeps an answer if its request says so, in its conversation too.</summary>
    public void Keep(StoredResponse response)
    {
        var request = response.Context.Request;
        if (request.IsStored)
        {
            _responses[response.Context.Id] = response;
        }

        if (request.ConversationId is { } id)
        {
            _conversations[id] = response.Messages;
        }
    }

    /// <summary>What was said before; empty if the request names nothing, or nothing that is known here.</summary>
    public IReadOnlyList<RequestMessage> HistoryOf(ResponseRequest request) =>
        request.PreviousId is { } previous ? Find(previous)?.Messages ?? []
        : request.ConversationId is { } conversation ? _conversations.GetValueOrDefault(conversation) ?? []
        : [];

    /// <summary>Why the request cannot go on here, or <see langword="null"/> if it can.</summary>
    public Refusal? RefusalOf(ResponseRequest request)
    {
        if (request.PreviousId is { } previous && Find(previous) is null)
        {
            return new(400, ErrorBodies.PreviousResponseNotFound(previous));
        }

        if (request.ConversationId is { } conversation && !_conversations.ContainsKey(conversation))
        {
            return new(404, ErrorBodies.NotFound("Conversation", conversation));
        }

        return request.SealedItems.Any(item => !SealedReasoning.IsOf(resource, item)) ? new(400, ErrorBodies.InvalidEncryptedContent()) : null;
    }
}
