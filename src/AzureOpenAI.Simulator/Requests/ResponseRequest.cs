using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>What a request of the Responses API asks for beyond its messages: where it goes on, and what becomes of its answer.</summary>
internal sealed record ResponseRequest(IReadOnlyList<RequestMessage> Input, IReadOnlyList<string> SealedItems)
{
    public string? Instructions { get; private init; }

    public string? PreviousId { get; private init; }

    public string? ConversationId { get; private init; }

    public bool IsStored { get; private init; }

    public bool InBackground { get; private init; }

    public bool AsksForSealed { get; private init; }

    public string? ServiceTier { get; private init; }

    public static ResponseRequest Read(JsonElement body)
    {
        var input = new List<RequestMessage>();
        var sealedItems = new List<string>();
        if (body.ReadString("input"u8) is { } text)
        {
            input.Add(new RequestMessage("user", text, toolCallId: null));
        }
        else if (body.TryRead("input"u8, JsonValueKind.Array, out var items))
        {
            foreach (var item in items.EnumerateArray())
            {
                ReadItem(item, input, sealedItems);
            }
        }

        return new(input, sealedItems)
        {
            Instructions = body.ReadString("instructions"u8),
            PreviousId = body.ReadString("previous_response_id"u8),
            ConversationId = body.ReadString("conversation"u8)
                ?? (body.TryRead("conversation"u8, JsonValueKind.Object, out var conversation) ? conversation.ReadString("id"u8) : null),
            IsStored = !body.TryRead("store"u8, JsonValueKind.False, out _),
            InBackground = body.ReadBoolean("background"u8),
            AsksForSealed = body.TryRead("include"u8, JsonValueKind.Array, out var include)
                && include.EnumerateArray().Any(name => name.ValueKind == JsonValueKind.String && name.ValueEquals("reasoning.encrypted_content"u8)),
            ServiceTier = body.ReadString("service_tier"u8),
        };
    }

    /// <summary>The messages that the model sees: instructions, what was before, the input.</summary>
    public IReadOnlyList<RequestMessage> MessagesAfter(IReadOnlyList<RequestMessage> history)
    {
        IEnumerable<RequestMessage> messages = [.. history, .. Input];
        return Instructions is null ? [.. messages] : [new RequestMessage("system", Instructions, toolCallId: null), .. messages];
    }

    private static void ReadItem(JsonElement item, List<RequestMessage> input, List<string> sealedItems)
    {
        switch (item.ReadString("type"u8))
        {
            case "function_call_output":
                input.Add(new RequestMessage("tool", item.ReadString("output"u8) ?? "", item.ReadString("call_id"u8)));
                break;
            case "reasoning":
                if (item.ReadString("encrypted_content"u8) is { } text)
                {
                    sealedItems.Add(text);
                }

                break;
            case null or "message":
                input.Add(new RequestMessage(item.ReadString("role"u8) ?? "", item.ReadContent(), toolCallId: null));
                break;
        }
    }
}
