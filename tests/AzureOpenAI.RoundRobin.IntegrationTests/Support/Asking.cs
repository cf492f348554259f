namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

internal static class Asking
{
    /// <summary>Asks the same question by a call or by a stream, and reads it to its end.</summary>
    public static Task<Answer> AskAsync(this IChatClient client, bool streaming, string prompt, ChatOptions? options, CancellationToken cancellationToken) =>
        client.AskAsync(streaming, [new ChatMessage(ChatRole.User, prompt)], options, cancellationToken);

    public static async Task<Answer> AskAsync(
        this IChatClient client, bool streaming, IEnumerable<ChatMessage> messages, ChatOptions? options, CancellationToken cancellationToken)
    {
        if (!streaming)
        {
            ChatResponse response = await client.GetResponseAsync(messages, options, cancellationToken);
            return new Answer(response, response.AdditionalProperties);
        }

        List<ChatResponseUpdate> updates = await client.GetStreamingResponseAsync(messages, options, cancellationToken).ToListAsync(cancellationToken);
        return new Answer(updates.ToChatResponse(), updates.FirstOrDefault()?.AdditionalProperties);
    }

    /// <summary>Reads a stream until it ends or breaks off: what came, and what it broke off with.</summary>
    public static async Task<(string Text, Exception? Failure)> ReadAsync(this IAsyncEnumerable<ChatResponseUpdate> stream)
    {
        string text = "";
        try
        {
            await foreach (ChatResponseUpdate update in stream)
            {
                text += update.Text;
            }
        }
        catch (Exception failure)
        {
            return (text, failure);
        }

        return (text, null);
    }
}
