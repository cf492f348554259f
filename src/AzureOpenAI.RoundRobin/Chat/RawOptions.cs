using System.ClientModel.Primitives;
using Microsoft.Extensions.AI;
using OpenAI.Chat;
using OpenAI.Responses;

#pragma warning disable OPENAI001, SCME0001 // The SDK calls Responses, tiers and patches experimental; none of its types is in this library's own public API.

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>What the SDK's own options of a call say that decides where it goes.</summary>
/// <param name="Tier">The service tier; null for the standard one, and for one that has no limits of its own.</param>
internal readonly record struct RawOptions(string? Tier)
{
    /// <summary>Asks the caller's factory once more than the SDK does, and only reads what it makes.</summary>
    public static RawOptions Read(ChatOptions options, IChatClient client)
    {
        try
        {
            return options.RawRepresentationFactory!(client) switch
            {
                CreateResponseOptions response => new(ServiceTier.OwnOf(response.ServiceTier?.ToString() ?? Patched(ref response.Patch, ServiceTier.Path))),
                ChatCompletionOptions chat => new(ServiceTier.OwnOf(chat.ServiceTier?.ToString() ?? Patched(ref chat.Patch, ServiceTier.Path))),
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

    private static string? Patched(ref JsonPatch patch, ReadOnlySpan<byte> path) => patch.TryGetValue(path, out string? value) ? value : null;
}
