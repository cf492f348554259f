using System.ClientModel;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>What a caller got of a call or a stream: what came, and what it broke off with.</summary>
/// <param name="Text">The text that came.</param>
/// <param name="Finish">The finish reason that came last.</param>
/// <param name="Failure">What it broke off with.</param>
internal sealed record CallEnd(string Text, ChatFinishReason? Finish, Exception? Failure)
{
    public bool IsAnswered => Failure is null && Text == RawPair.WestText && Finish == ChatFinishReason.Stop;

    /// <summary>The HTTP status that the caller can read off the exception; 0 where there is none.</summary>
    public int Status => (Failure as ClientResultException)?.Status ?? 0;

    public static async Task<CallEnd> OfAsync(IChatClient client, bool streaming, TimeSpan limit)
    {
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        ending.CancelAfter(limit);
        List<ChatResponseUpdate> updates = [];
        Exception? failure = null;
        try
        {
            if (streaming)
            {
                await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync("hello", cancellationToken: ending.Token))
                {
                    updates.Add(update);
                }
            }
            else
            {
                updates.AddRange((await client.GetResponseAsync("hello", cancellationToken: ending.Token)).ToChatResponseUpdates());
            }
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        return new(string.Concat(updates.Select(static update => update.Text)), updates.Select(static update => update.FinishReason).LastOrDefault(static reason => reason is not null), failure);
    }

    public override string ToString() =>
        IsAnswered ? "answer" : $"{(Text.Length > 0 ? $"'{Text}' " : "")}{(Failure is null ? $"ends well, finish '{Finish}'" : $"{Failure.GetType().Name}{(Status > 0 ? $" {Status}" : "")}")}";
}
