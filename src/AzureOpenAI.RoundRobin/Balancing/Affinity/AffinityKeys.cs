using AzureOpenAI.RoundRobin.Telemetry;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Balancing.Affinity;

/// <summary>The affinity key of a call: the caller's cache key, else the result of the user's selector, else the conversation's id, else a hash of the prompt's start.</summary>
internal sealed class AffinityKeys(Func<IEnumerable<ChatMessage>, ChatOptions?, string?>? selector, PoolLog log)
{
    /// <summary>The caller's key in the additional properties. One in the SDK's own options has been copied there.</summary>
    public const string PromptCacheKey = "prompt_cache_key";

    private int _failed;

    /// <summary>A hash of the key, or 0 for a call without affinity. Never throws.</summary>
    public uint Of(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        try
        {
            return options?.AdditionalProperties?.GetValueOrDefault(PromptCacheKey)?.ToString() is { Length: > 0 } given ? PromptPrefix.KeyOf(given)
                : selector is null ? (options?.ConversationId is { Length: > 0 } id ? PromptPrefix.KeyOf(id) : PromptPrefix.KeyOf(messages, options))
                : selector(messages, options) is { } selected ? PromptPrefix.KeyOf(selected)
                : 0;
        }
#pragma warning disable CA1031 // Affinity is a preference: where the key cannot be found, for whatever reason, the call takes its turn.
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
