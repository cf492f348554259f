using AzureOpenAI.RoundRobin.Telemetry;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Balancing.Affinity;

/// <summary>What a call is kept together by: the caller's cache key, else what the user's selector says, else the start of its prompt.</summary>
internal sealed class AffinityKeys(Func<IEnumerable<ChatMessage>, ChatOptions?, string?>? selector, PoolLog log)
{
    /// <summary>
    /// Looked up in the additional properties only. The SDK has no property for it, and what a <see cref="ChatOptions.RawRepresentationFactory"/>
    /// would write can be told only by running it, which is the endpoint's client's to do.
    /// </summary>
    public const string PromptCacheKey = "prompt_cache_key";

    private int _failed;

    /// <summary>A number that stands for the key, or 0 for a call that simply takes its turn. Never throws.</summary>
    public uint Of(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        try
        {
            return options?.AdditionalProperties?.GetValueOrDefault(PromptCacheKey)?.ToString() is { Length: > 0 } given ? PromptPrefix.KeyOf(given)
                : selector is null ? PromptPrefix.KeyOf(messages, options)
                : selector(messages, options) is { } selected ? PromptPrefix.KeyOf(selected)
                : 0;
        }
#pragma warning disable CA1031 // Where a call goes is a preference: whatever goes wrong in finding it, the call takes its turn.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            if (Interlocked.Exchange(ref _failed, 1) == 0)
            {
                log.AffinityFailed(exception);
            }

            return 0;
        }
    }
}
