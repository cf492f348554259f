namespace AzureOpenAI.Simulator;

/// <summary>What all JSON of one answer has in common.</summary>
internal readonly record struct ChatContext(string Id, long Created, string Model, ChatRequest Request, ChatReply Reply, TokenUsage Usage)
{
    public string ToolCallId(int index) => Reply.ToolCalls[index].Id ?? $"call_{Id[^12..]}{index:x4}";
}
