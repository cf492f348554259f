#pragma warning disable OPENAI001 // The SDK calls Responses experimental; none of its types is in this library's own public API.
using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.AI;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.Chat.Responses;

/// <summary>
/// Reasoning that the service has encrypted for the resource that made it: an app that lets nothing be stored sends it along with the next turn, and no other resource can read
/// it. It carries the mark of its maker. Messages and contents of the caller are never changed, only copied.
/// </summary>
internal static class SealedReasoning
{
    /// <summary>The maker of the latest that has a mark.</summary>
    public static EndpointMark? MakerOf(IEnumerable<ChatMessage> messages)
    {
        EndpointMark? maker = null;
        foreach (ChatMessage message in messages)
        {
            for (int i = 0; i < message.Contents.Count; i++)
            {
                maker = message.Contents[i] is TextReasoningContent { ProtectedData: { } text } ? EndpointMark.Read(text, out _) ?? maker : maker;
            }
        }

        return maker;
    }

    /// <summary>The messages as one resource can read them: with its own reasoning, without the mark, and with that which has none; without that of others.</summary>
    /// <param name="messages">The caller's messages.</param>
    /// <param name="reader">The mark of the resource.</param>
    /// <param name="any">Whether any is left.</param>
    /// <param name="leftOut">Whether any is not.</param>
    public static IEnumerable<ChatMessage> For(IEnumerable<ChatMessage> messages, EndpointMark reader, out bool any, out bool leftOut)
    {
        (any, leftOut) = (false, false);
        bool changes = false;
        foreach (ChatMessage message in messages)
        {
            for (int i = 0; i < message.Contents.Count; i++)
            {
                if (IsSealed(message.Contents[i]))
                {
                    EndpointMark? maker = MakerOf(message.Contents[i]);
                    bool isForeign = maker is { } mark && mark.Resource != reader.Resource;
                    (any, leftOut, changes) = (any || !isForeign, leftOut || isForeign, changes || maker is not null);
                }
            }
        }

        return changes ? Copy(messages, content => MakerOf(content) is { } mark && mark.Resource != reader.Resource ? null : Unmarked(content)) : messages;
    }

    /// <summary>The messages without any of it.</summary>
    public static IEnumerable<ChatMessage> Without(IEnumerable<ChatMessage> messages) => Copy(messages, static _ => null);

    /// <summary>Marks what an answer has of it.</summary>
    public static void Mark(IList<AIContent> contents, EndpointMark maker)
    {
        for (int i = 0; i < contents.Count; i++)
        {
            if (contents[i] is TextReasoningContent { ProtectedData: { Length: > 0 } text } reasoning)
            {
                reasoning.ProtectedData = maker.Write(text);
            }
        }
    }

    private static List<ChatMessage> Copy(IEnumerable<ChatMessage> messages, Func<AIContent, AIContent?> change)
    {
        List<ChatMessage> copies = [];
        foreach (ChatMessage message in messages)
        {
            if (!message.Contents.Any(IsSealed))
            {
                copies.Add(message);
                continue;
            }

            ChatMessage copy = message.Clone();
            copy.Contents = [.. message.Contents.Select(content => IsSealed(content) ? change(content) : content).OfType<AIContent>()];
            if (copy.Contents.Count > 0)
            {
                copies.Add(copy);
            }
        }

        return copies;
    }

    private static AIContent Unmarked(AIContent content) => content is TextReasoningContent { ProtectedData: { } text } reasoning && EndpointMark.Read(text, out string unmarked) is not null
        ? new TextReasoningContent(reasoning.Text)
        {
            ProtectedData = unmarked,
            Annotations = reasoning.Annotations,
            AdditionalProperties = reasoning.AdditionalProperties,
            RawRepresentation = reasoning.RawRepresentation,
        }
        : content;

    private static EndpointMark? MakerOf(AIContent content) => content is TextReasoningContent { ProtectedData: { } text } ? EndpointMark.Read(text, out _) : null;

    private static bool IsSealed(AIContent content) =>
        content is TextReasoningContent { ProtectedData.Length: > 0 } or { RawRepresentation: ReasoningResponseItem { EncryptedContent.Length: > 0 } };
}
