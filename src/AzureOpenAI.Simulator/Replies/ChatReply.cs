namespace AzureOpenAI.Simulator;

/// <summary>
/// What a deployment answers to a chat call. Immutable.
/// </summary>
public sealed class ChatReply
{
    /// <summary>Gets the text of the answer.</summary>
    /// <value>The default is <see langword="null"/>: no text.</value>
    public string? Text { get; init; }

    /// <summary>Gets the refusal, which comes instead of text.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public string? Refusal { get; init; }

    /// <summary>Gets the tool calls of the answer.</summary>
    /// <value>The default is empty.</value>
    public IReadOnlyList<ReplyToolCall> ToolCalls { get; init; } = [];

    /// <summary>Gets the finish reason: <c>stop</c>, <c>length</c>, <c>tool_calls</c>, <c>content_filter</c>, or anything else.</summary>
    /// <value>The default, <see langword="null"/>, is <c>tool_calls</c> if there are any, else <c>stop</c>.</value>
    public string? FinishReason { get; init; }

    /// <summary>Gets the pieces in which a stream sends the text. Joined they should be the text, which is not checked.</summary>
    /// <value>The default, <see langword="null"/>, sends one word after the other.</value>
    public IReadOnlyList<string>? Chunks { get; init; }

    /// <summary>Gets the tokens that the answer reports.</summary>
    /// <value>The default, <see langword="null"/>, is one token per four characters, rounded up, and what the deployment's prompt cache held.</value>
    public TokenUsage? Usage { get; init; }

    /// <summary>Gets the model that the answer reports.</summary>
    /// <value>The default, <see langword="null"/>, is that of the deployment.</value>
    public string? Model { get; init; }

    /// <summary>Makes an answer of text.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The answer.</returns>
    public static implicit operator ChatReply(string text) => FromText(text);

    /// <summary>Makes an answer of text.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="text"/> is <see langword="null"/>.</exception>
    public static ChatReply FromText(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new ChatReply { Text = text };
    }

    /// <summary>Makes an answer that calls tools.</summary>
    /// <param name="calls">The calls.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="calls"/> is <see langword="null"/>.</exception>
    public static ChatReply FromToolCalls(params IReadOnlyList<ReplyToolCall> calls)
    {
        ArgumentNullException.ThrowIfNull(calls);
        return new ChatReply { ToolCalls = [.. calls] };
    }

    internal string EffectiveFinishReason => FinishReason ?? (ToolCalls.Count > 0 ? "tool_calls" : "stop");

    internal TokenUsage UsageFor(ChatRequest request, int cachedTokens)
    {
        if (Usage is not null)
        {
            return Usage;
        }

        int characters = (Text?.Length ?? 0) + (Refusal?.Length ?? 0) + ToolCalls.Sum(call => call.Name.Length + call.ArgumentsJson.Length);
        return new TokenUsage(TokenEstimate.OfPrompt(request), TokenEstimate.FromCharacters(characters)) { CachedTokens = cachedTokens };
    }

    /// <summary>Sends another finish reason, whatever the responder said.</summary>
    internal ChatReply WithFinishReason(string reason) => new()
    {
        Text = Text,
        Refusal = Refusal,
        ToolCalls = ToolCalls,
        FinishReason = reason,
        Chunks = Chunks,
        Usage = Usage,
        Model = Model,
    };
}
