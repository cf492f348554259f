using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>An estimate of the bytes that an update without content keeps alive.</summary>
/// <remarks>It does not see into a provider's own object; the maximum number of held updates limits those.</remarks>
internal static class UpdateSize
{
    /// <summary>The bytes of the update and its list.</summary>
    private const int Bare = 128;

    public static long Of(ChatResponseUpdate update)
    {
        long size = Bare + Of(update.AuthorName) + Of(update.MessageId) + Of(update.ResponseId) + Of(update.ConversationId) + Of(update.ModelId)
            + Of(update.AdditionalProperties);
        IList<AIContent> contents = update.Contents;
        for (int i = 0; i < contents.Count; i++)
        {
            size += Bare + Of(contents[i].AdditionalProperties);
        }

        return size + Of(update.RawRepresentation);
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
