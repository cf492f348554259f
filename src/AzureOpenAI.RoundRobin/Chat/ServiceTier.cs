using System.ClientModel.Primitives;
using Microsoft.Extensions.AI;
using OpenAI.Chat;
using OpenAI.Responses;

#pragma warning disable OPENAI001, SCME0001 // The SDK calls Responses, tiers and patches experimental; none of its types is in this library's own public API.

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>The service tiers that have limits of their own at the service.</summary>
internal static class ServiceTier
{
    /// <summary>The tier that the service may be out of, and says so by a rejection.</summary>
    public const string Flex = "flex";

    /// <summary>What "auto" and "default" mean is the standard tier. A bounded list, since there is a state for each.</summary>
    private static readonly string[] Own = [Flex, "priority", "scale"];

    /// <summary>Where it stands in a request.</summary>
    public static ReadOnlySpan<byte> Path => "$.service_tier"u8;

    /// <summary>The name of a tier that has limits of its own; null for any other.</summary>
    public static string? OwnOf(string? said) => Array.Find(Own, tier => string.Equals(tier, said, StringComparison.OrdinalIgnoreCase));

    /// <summary>The same options for the standard tier. The caller's own are not changed, but for the object that the factory makes anew for each request.</summary>
    public static ChatOptions Standard(ChatOptions options)
    {
        Func<IChatClient, object?> factory = options.RawRepresentationFactory!;
        ChatOptions copy = options.Clone();
        copy.RawRepresentationFactory = client =>
        {
            object? raw = factory(client);
            if (raw is CreateResponseOptions response)
            {
                response.ServiceTier = null;
                Unpatch(ref response.Patch);
            }
            else if (raw is ChatCompletionOptions chat)
            {
                chat.ServiceTier = null;
                Unpatch(ref chat.Patch);
            }

            return raw;
        };
        return copy;
    }

    private static void Unpatch(ref JsonPatch patch)
    {
        if (patch.Contains(Path))
        {
            patch.Set(Path, "default");
        }
    }
}
