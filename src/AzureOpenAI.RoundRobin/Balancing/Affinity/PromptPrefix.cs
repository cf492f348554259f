using System.IO.Hashing;
using System.Runtime.InteropServices;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Balancing.Affinity;

/// <summary>
/// A hash of the part of a prompt that all calls of a conversation share and that the service caches: instructions, the tools in their order, leading system messages, and
/// the first user message. A pure function, the same in every process.
/// </summary>
internal static class PromptPrefix
{
    private static readonly ChatRole Developer = new("developer");

    /// <summary>The hash of the prefix, or 0 for a prompt without one.</summary>
    public static uint KeyOf(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        ulong hash = Add(0, options?.Instructions);
        for (int i = 0; i < options?.Tools?.Count; i++)
        {
            hash = Add(hash, options.Tools[i].Name);
        }

        bool leading = true;
        foreach (ChatMessage message in messages)
        {
            bool isUsers = message.Role == ChatRole.User;
            leading &= message.Role == ChatRole.System || message.Role == Developer;
            if (leading || isUsers)
            {
                hash = Add(Add(hash, message.Role.Value), message.Contents);
            }

            if (isUsers)
            {
                break;
            }
        }

        return Fold(hash);
    }

    /// <summary>The hash of a key that the caller or the selector gave.</summary>
    public static uint KeyOf(string key) => Fold(Add(0, key));

    private static ulong Add(ulong hash, IList<AIContent> contents)
    {
        for (int i = 0; i < contents.Count; i++)
        {
            hash = contents[i] switch
            {
                TextContent text => Add(hash, text.Text),
                UriContent link => Add(hash, link.Uri.OriginalString),
                DataContent data => XxHash3.HashToUInt64(data.Data.Span, (long)hash),
                _ => hash,
            };
        }

        return hash;
    }

    private static ulong Add(ulong hash, string? text) =>
        text is null ? hash : XxHash3.HashToUInt64(MemoryMarshal.AsBytes(text.AsSpan()), (long)hash);

    private static uint Fold(ulong hash) => hash == 0 ? 0 : Math.Max(1, (uint)(hash ^ (hash >> 32)));
}
