using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Outcomes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>Notes the tokens that a stream says it has cost.</summary>
internal static class StreamUsage
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
}
