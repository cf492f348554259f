using Microsoft.Extensions.AI;
using OpenAI.Chat;
using ChatFinishReason = Microsoft.Extensions.AI.ChatFinishReason;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>What of a streamed answer has come, as far as its updates show it.</summary>
[Flags]
internal enum AnswerParts : byte
{
    None = 0,

    Content = 1,

    /// <summary>A finish reason, of whatever kind.</summary>
    Finish = 2,

    /// <summary>A tool call, or a piece of one. The SDK's adapter passes calls on as a whole, after the end of the stream.</summary>
    Call = 4,

    /// <summary>A finish reason after which the model says no more, and nothing has come since.</summary>
    Last = 8,

    /// <summary>An event of the Responses API, whose streams end in one that says so.</summary>
    OfResponses = 16,
}

/// <summary>Reads updates for the parts of an answer that they bring.</summary>
internal static class AnswerPartsReader
{
    /// <summary>What has come once this update has.</summary>
    public static AnswerParts With(this AnswerParts parts, ChatResponseUpdate update)
    {
        bool mayFollow = (parts & (AnswerParts.Content | AnswerParts.Last)) != AnswerParts.Content;
        if (mayFollow && HasContent(update))
        {
            parts = (parts | AnswerParts.Content) & ~AnswerParts.Last;
        }

        if (IsPieceOfCall(update))
        {
            parts |= AnswerParts.Call;
        }

        return update.FinishReason is { } finish ? (IsLast(finish) ? parts | AnswerParts.Last : parts & ~AnswerParts.Last) | AnswerParts.Finish : parts;
    }

    /// <summary>
    /// All of the answer has come, whatever becomes of the rest of its stream. With tool calls that is never so before the end: the SDK's adapter passes them on
    /// then, and a client that calls the tools itself goes on after them.
    /// </summary>
    public static bool IsWhole(this AnswerParts parts) => (parts & (AnswerParts.Content | AnswerParts.Last | AnswerParts.Call)) == (AnswerParts.Content | AnswerParts.Last);

    /// <summary>Others, as for tool calls or of one provider alone, may be a pause.</summary>
    private static bool IsLast(ChatFinishReason finish) => finish == ChatFinishReason.Stop || finish == ChatFinishReason.Length || finish == ChatFinishReason.ContentFilter;

    private static bool IsPieceOfCall(ChatResponseUpdate update)
    {
        if (update.RawRepresentation is StreamingChatCompletionUpdate { ToolCallUpdates.Count: > 0 })
        {
            return true;
        }

        IList<AIContent> contents = update.Contents;
        for (int i = 0; i < contents.Count; i++)
        {
            if (contents[i] is FunctionCallContent)
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasContent(ChatResponseUpdate update)
    {
        IList<AIContent> contents = update.Contents;
        for (int i = 0; i < contents.Count; i++)
        {
            if (contents[i] is not UsageContent and not TextContent { Text.Length: 0 } and not TextReasoningContent { Text.Length: 0, ProtectedData: null })
            {
                return true;
            }
        }

        return false;
    }
}
