namespace AzureOpenAI.Simulator;

/// <summary>
/// One message of a chat request. Immutable.
/// </summary>
public sealed class RequestMessage
{
    internal RequestMessage(string role, string text, string? toolCallId)
    {
        Role = role;
        Text = text;
        ToolCallId = toolCallId;
    }

    /// <summary>Gets the role: <c>system</c>, <c>developer</c>, <c>user</c>, <c>assistant</c> or <c>tool</c>.</summary>
    public string Role { get; }

    /// <summary>Gets the text; that of several parts is joined, and parts that are no text are left out.</summary>
    public string Text { get; }

    /// <summary>Gets the id of the tool call that the message answers, or <see langword="null"/>.</summary>
    public string? ToolCallId { get; }
}
