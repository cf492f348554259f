using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>About how many bytes an update without content keeps alive, as far as it shows them.</summary>
/// <remarks>What a provider's own object behind it holds cannot be seen, so each counts the same.</remarks>
internal static class UpdateSize
{
    /// <summary>The bytes of the update and its list.</summary>
    private const int Bare = 128;

    /// <summary>Of a provider's own object.</summary>
    private const int Unseen = 256;

    public static long Of(ChatResponseUpdate update)
    {
        long size = Bare + Of(update.AuthorName) + Of(update.MessageId) + Of(update.ResponseId) + Of(update.ConversationId) + Of(update.ModelId)
            + Of(update.AdditionalProperties);
        IList<AIContent> contents = update.Contents;
        for (int i = 0; i < contents.Count; i++)
        {
            size += Bare + Of(contents[i].AdditionalProperties);
        }

        return size + (update.RawRepresentation is { } raw ? Math.Max(Unseen, Of(raw)) : 0);
    }

    private static long Of(AdditionalPropertiesDictionary? properties)
    {
        long size = 0;
        if (properties is not null)
        {
            foreach ((string name, object? value) in properties)
            {
                size += Of(name) + Of(value);
            }
        }

        return size;
    }

    private static long Of(object? value) => value switch
    {
        string text => 2L * text.Length,
        BinaryData data => data.ToMemory().Length,
        byte[] bytes => bytes.Length,
        _ => 0,
    };
}
