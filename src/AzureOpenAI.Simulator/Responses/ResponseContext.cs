using System.Globalization;

namespace AzureOpenAI.Simulator;

/// <summary>What all JSON of one response has in common.</summary>
internal sealed record ResponseContext(string Resource, long Sequence, long Created, string Model, ResponseRequest Request, ChatReply Reply, TokenUsage Usage)
{
    public string Id { get; } = string.Create(CultureInfo.InvariantCulture, $"resp_{Sequence:x48}");

    /// <summary>The error of a response that fails.</summary>
    public (string Code, string Message)? Error { get; init; }

    public string ServiceTier => Request.ServiceTier is null or "auto" ? "default" : Request.ServiceTier;

    /// <summary>Why the response is incomplete, in the API's words, or <see langword="null"/> if it is complete.</summary>
    public string? IncompleteReason => Reply.EffectiveFinishReason switch
    {
        "stop" or "tool_calls" => null,
        "length" => "max_output_tokens",
        var reason => reason,
    };

    public string FinalStatus => Error is not null ? "failed" : IncompleteReason is not null ? "incomplete" : "completed";

    public string? SealedReasoning => Request.AsksForSealed ? Simulator.SealedReasoning.Seal(Resource, Id) : null;

    public string ItemId(string kind, int index) => string.Create(CultureInfo.InvariantCulture, $"{kind}_{Sequence:x44}{index:x4}");

    public string ToolCallId(int index) => Reply.ToolCalls[index].Id ?? string.Create(CultureInfo.InvariantCulture, $"call_{Sequence:x12}{index:x4}");

    public IReadOnlyList<RequestMessage> MessagesWithAnswer() =>
        [.. History, .. Request.Input, new RequestMessage("assistant", Reply.Text ?? Reply.Refusal ?? "", toolCallId: null)];

    /// <summary>What was said before the request.</summary>
    public required IReadOnlyList<RequestMessage> History { get; init; }
}
