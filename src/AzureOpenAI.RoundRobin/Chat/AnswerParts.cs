using Microsoft.Extensions.AI;
using OpenAI.Chat;

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
}

/// <summary>Reads updates for the parts of an answer that they bring.</summary>
internal static class AnswerPartsReader
{
    /// <summary>What has come once this update has.</summary>
    public static AnswerParts With(this AnswerParts parts, ChatResponseUpdate update)
    {
        if ((parts & AnswerParts.Content) == 0 && HasContent(update))
        {
            parts |= AnswerParts.Content;
        }

        if (IsPieceOfCall(update))
        {
            parts |= AnswerParts.Call;
        }

        return update.FinishReason is null ? parts : parts | AnswerParts.Finish;
    }

    private static bool IsPieceOfCall(ChatResponseUpdate update) => update.RawRepresentation is StreamingChatCompletionUpdate { ToolCallUpdates.Count: > 0 };

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
