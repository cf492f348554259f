using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Affinity;
using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Pool;

/// <summary>
/// <see cref="EndpointAffinity.Conversation"/>: a first turn takes its turn in the rotation like any call, and later turns go where the first was answered, while that endpoint
/// takes them.
/// </summary>
internal sealed class ConversationRoutes(AffinityKeys keys, ServedConversations served)
{
    public ServedConversations Served { get; } = served;

    /// <summary>Where the next turn of a conversation goes.</summary>
    /// <param name="messages">The messages of the call.</param>
    /// <param name="options">Its options.</param>
    /// <param name="picker">The endpoints that answer its model.</param>
    /// <param name="home">Where it goes; null where it takes its turn.</param>
    /// <param name="answered">Remembers who answered; null where that is not to change.</param>
    public void Find(IEnumerable<ChatMessage> messages, ChatOptions? options, Picker picker, out Endpoint? home, out Action<Endpoint>? answered)
    {
        uint key = keys.Of(messages, options);
        Endpoint? first = key == 0 || Begins(messages, options) ? null : Served.Find(key);
        first = first is not null && picker.Endpoints.Contains(first) ? first : null;
        home = first is not null && Takes(first, picker) ? first : null;
        answered = key == 0 || first is not null ? null : endpoint => Served.Remember(key, endpoint);
    }

    private static bool Begins(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        if (options is { ConversationId: not null })
        {
            return false;
        }

        foreach (ChatMessage message in messages)
        {
            if (message.Role == ChatRole.Assistant)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Not if it is of a worse priority than others, which are asked first as soon as they are available, or has more than its share to do.</summary>
    private static bool Takes(Endpoint endpoint, Picker picker) =>
        Array.TrueForAll(picker.Endpoints, other => endpoint.Priority <= other.Priority) && !ConversationHomes.IsOverloaded(endpoint, picker.Rotation);
}
