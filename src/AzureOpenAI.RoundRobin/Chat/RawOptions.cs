using System.ClientModel.Primitives;
using AzureOpenAI.RoundRobin.Balancing.Affinity;
using Microsoft.Extensions.AI;
using OpenAI.Chat;
using OpenAI.Responses;

#pragma warning disable OPENAI001, SCME0001 // The SDK calls Responses, tiers and patches experimental; none of its types is in this library's own public API.

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>What the SDK's own options of a call say that decides where it goes.</summary>
/// <param name="Tier">The service tier; null for the standard one, and for one that has no limits of its own.</param>
/// <param name="PromptCacheKey">The key of its prompt at the service.</param>
/// <param name="PreviousId">The response that it goes on with.</param>
internal readonly record struct RawOptions(string? Tier, string? PromptCacheKey, string? PreviousId)
{
    private static ReadOnlySpan<byte> KeyPath => "$.prompt_cache_key"u8;

    /// <summary>Asks the caller's factory once more than the SDK does, and only reads what it makes.</summary>
    public static RawOptions Read(ChatOptions options, IChatClient client)
    {
        try
        {
            return options.RawRepresentationFactory!(client) switch
            {
                CreateResponseOptions response => new(
                    ServiceTier.OwnOf(response.ServiceTier?.ToString() ?? Patched(ref response.Patch, ServiceTier.Path)),
                    response.PromptCacheKey ?? Patched(ref response.Patch, KeyPath),
                    response.PreviousResponseId),
                ChatCompletionOptions chat => new(
                    ServiceTier.OwnOf(chat.ServiceTier?.ToString() ?? Patched(ref chat.Patch, ServiceTier.Path)), Patched(ref chat.Patch, KeyPath), PreviousId: null),
                _ => default,
            };
        }
#pragma warning disable CA1031 // The SDK asks the factory again, and the caller gets what it throws then.
        catch
#pragma warning restore CA1031
        {
            return default;
        }
    }

    /// <summary>The options, or a copy that says key and conversation as Microsoft.Extensions.AI does; so the rest of the library need not know the SDK's words.</summary>
    public ChatOptions AppliedTo(ChatOptions options)
    {
        bool hasKey = PromptCacheKey is { Length: > 0 } && options.AdditionalProperties?.ContainsKey(AffinityKeys.PromptCacheKey) != true;
        bool goesOn = PreviousId is { Length: > 0 } && options is { ConversationId: null, ContinuationToken: null };
        if (!hasKey && !goesOn)
        {
            return options;
        }

        ChatOptions copy = options.Clone();
        if (hasKey)
        {
            (copy.AdditionalProperties ??= [])[AffinityKeys.PromptCacheKey] = PromptCacheKey;
        }

        if (goesOn)
        {
            // The adapter sends the conversation's id, without the mark that this one may have.
            Func<IChatClient, object?> factory = options.RawRepresentationFactory!;
            copy.ConversationId = PreviousId;
            copy.RawRepresentationFactory = client =>
            {
                object? raw = factory(client);
                if (raw is CreateResponseOptions response)
                {
                    response.PreviousResponseId = null;
                }

                return raw;
            };
        }

        return copy;
    }

    private static string? Patched(ref JsonPatch patch, ReadOnlySpan<byte> path) => patch.TryGetValue(path, out string? value) ? value : null;
}
