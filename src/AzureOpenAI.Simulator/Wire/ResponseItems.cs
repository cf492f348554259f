using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>The items of a response's output: sealed reasoning, a message, calls of functions.</summary>
internal sealed class ResponseItems(Utf8JsonWriter json, ResponseContext response)
{
    public void WriteAll()
    {
        if (response.SealedReasoning is not null)
        {
            WriteReasoning();
        }

        if (HasMessage(response))
        {
            WriteMessage(isWhole: true);
        }

        for (int i = 0; i < response.Reply.ToolCalls.Count; i++)
        {
            WriteCall(i, isWhole: true);
        }
    }

    public static bool HasMessage(ResponseContext response) => response.Reply is { Text: not null } or { Refusal: not null };

    public void WriteReasoning()
    {
        json.WriteStartObject();
        json.WriteString("id"u8, response.ItemId("rs", 0));
        json.WriteString("type"u8, "reasoning"u8);
        json.WriteStartArray("summary"u8);
        json.WriteEndArray();
        json.WriteString("encrypted_content"u8, response.SealedReasoning);
        json.WriteEndObject();
    }

    public void WriteMessage(bool isWhole)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, response.ItemId("msg", 0));
        json.WriteString("type"u8, "message"u8);
        json.WriteString("status"u8, isWhole ? "completed"u8 : "in_progress"u8);
        json.WriteString("role"u8, "assistant"u8);
        json.WriteStartArray("content"u8);
        if (isWhole)
        {
            WritePart(isWhole: true);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    public void WritePart(bool isWhole)
    {
        json.WriteStartObject();
        if (response.Reply.Text is { } text)
        {
            json.WriteString("type"u8, "output_text"u8);
            json.WriteString("text"u8, isWhole ? text : "");
            json.WriteStartArray("annotations"u8);
            json.WriteEndArray();
        }
        else
        {
            json.WriteString("type"u8, "refusal"u8);
            json.WriteString("refusal"u8, isWhole ? response.Reply.Refusal : "");
        }

        json.WriteEndObject();
    }

    public void WriteCall(int index, bool isWhole)
    {
        var call = response.Reply.ToolCalls[index];
        json.WriteStartObject();
        json.WriteString("id"u8, response.ItemId("fc", index));
        json.WriteString("type"u8, "function_call"u8);
        json.WriteString("status"u8, isWhole ? "completed"u8 : "in_progress"u8);
        json.WriteString("call_id"u8, response.ToolCallId(index));
        json.WriteString("name"u8, call.Name);
        json.WriteString("arguments"u8, isWhole ? call.ArgumentsJson : "");
        json.WriteEndObject();
    }
}
