using System.Text.Json;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tokenizers;

/// <summary>What messages take up, as the chat completions route writes them for the model.</summary>
internal static class MessageFormat
{
    private const int AroundMessage = 3;
    private const int AroundName = 1;
    private const int AroundCall = 3;
    private const int BeforeAnswer = 3;

    public static int Count(IEnumerable<ChatMessage> messages, Encoding encoding)
    {
        int tokens = BeforeAnswer;
        foreach (ChatMessage message in messages)
        {
            tokens += Count(message, encoding);
        }

        return tokens;
    }

    private static int Count(ChatMessage message, Encoding encoding)
    {
        int around = AroundMessage + encoding.Count(message.Role.Value);
        int tokens = message.AuthorName is { Length: > 0 } name ? AroundName + encoding.Count(name) : 0;
        int results = 0;
        foreach (AIContent content in message.Contents)
        {
            results += content is FunctionResultContent ? 1 : 0;
            tokens += Count(content, encoding);
        }

        // Each result of a call is sent as a message of its own.
        return tokens + (around * Math.Max(results, 1));
    }

    private static int Count(AIContent content, Encoding encoding) => content switch
    {
        TextContent text => encoding.Count(text.Text),
        ErrorContent refusal => encoding.Count(refusal.Message),
        FunctionCallContent call => AroundCall + encoding.Count(call.Name) + encoding.Count(Json(call.Arguments ?? new Dictionary<string, object?>(), typeof(IDictionary<string, object?>))),
        FunctionResultContent { Result: string text } => encoding.Count(text),
        FunctionResultContent { Result: { } result } => encoding.Count(Json(result, typeof(object))),
        _ => 0,
    };

    /// <summary>As the clients of Microsoft.Extensions.AI send it.</summary>
    private static string Json(object value, Type type) => JsonSerializer.Serialize(value, AIJsonUtilities.DefaultOptions.GetTypeInfo(type));
}
