using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Outcomes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>Reads what a stream says of its tokens, and notes on it who said it.</summary>
internal static class StreamUpdates
{
    public static void Read(ChatResponseUpdate update, Attempt attempt)
    {
        IList<AIContent> contents = update.Contents;
        for (int i = 0; i < contents.Count; i++)
        {
            if (contents[i] is UsageContent usage)
            {
                attempt.Usage = attempt.Usage.Then(TokenCounts.Of(usage.Details));
            }
        }
    }

    /// <summary>Notes the endpoint on the first update that the caller gets.</summary>
    public static void MarkOrigin(ChatResponseUpdate? first, Attempt attempt, int number)
    {
        if (first is not null && attempt.Endpoint.IsSdkBacked)
        {
            AnswerOrigin.Mark(first.AdditionalProperties ??= [], attempt.Endpoint, number);
        }
    }
}
