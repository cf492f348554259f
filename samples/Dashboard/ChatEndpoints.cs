using System.Diagnostics;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Dashboard;

/// <summary>The chat: the answer as it comes, and at its end the name of its endpoint.</summary>
internal static class ChatEndpoints
{
    private const int MostMessages = 40;

    public static void MapChat(this IEndpointRouteBuilder endpoints, string pattern) =>
        endpoints.MapPost(pattern, static IResult (ChatRequest request, IChatClient chat, CancellationToken cancellationToken) =>
            request.Messages is { Length: > 0 and <= MostMessages } messages && messages.All(static message => !string.IsNullOrWhiteSpace(message.Text))
                ? TypedResults.ServerSentEvents(AnswerAsync(chat, messages, cancellationToken))
                : TypedResults.BadRequest($"Give 1 to {MostMessages} messages with a text in each."));

    private static async IAsyncEnumerable<SseItem<string>> AnswerAsync(
        IChatClient chat, ChatTurn[] turns, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ChatMessage[] messages = [.. turns.Select(static turn => new ChatMessage(turn.FromUser ? ChatRole.User : ChatRole.Assistant, turn.Text))];
        long start = Stopwatch.GetTimestamp();
        AdditionalPropertiesDictionary? origin = null;
        string? failure = null;
        await using IAsyncEnumerator<ChatResponseUpdate> updates = chat.GetStreamingResponseAsync(messages, cancellationToken: cancellationToken)
            .GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            try
            {
                if (!await updates.MoveNextAsync())
                {
                    break;
                }
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                failure = exception.Message;
                break;
            }

            origin = updates.Current.AdditionalProperties ?? origin;
            if (updates.Current.Text is { Length: > 0 } text)
            {
                yield return Item("text", text);
            }
        }

        yield return failure is null
            ? Item("done", new
            {
                endpoint = origin?.GetValueOrDefault("azure_openai.round_robin.endpoint"),
                attempts = origin?.GetValueOrDefault("azure_openai.round_robin.attempts"),
                seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
            })
            : Item("failed", failure);
    }

    private static SseItem<string> Item<T>(string kind, T value) => new(JsonSerializer.Serialize(value, JsonSerializerOptions.Web), kind);

    internal sealed record ChatRequest(ChatTurn[]? Messages);

    internal sealed record ChatTurn(bool FromUser, string? Text);
}
