using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>What every benchmark of streams does with one.</summary>
internal static class UpdateExtensions
{
    /// <summary>Reads a stream to its end.</summary>
    /// <returns>How many contents it had.</returns>
    public static async Task<int> CountContentsAsync(this IAsyncEnumerable<ChatResponseUpdate> updates)
    {
        int count = 0;
        await foreach (ChatResponseUpdate update in updates)
        {
            count += update.Contents.Count;
        }

        return count;
    }
}
