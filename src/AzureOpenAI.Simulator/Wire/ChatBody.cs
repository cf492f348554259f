using System.Buffers;
using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>The body of a whole chat answer.</summary>
internal static class ChatBody
{
    public static void Write(IBufferWriter<byte> output, in ChatContext chat)
    {
        var reply = chat.Reply;
        using var json = new Utf8JsonWriter(output, ChatJson.WriterOptions);
        json.WriteStartObject();
        json.WriteStartArray("choices"u8);
        json.WriteStartObject();
        json.WritePropertyName("content_filter_results"u8);
        json.WriteRawValue(reply.EffectiveFinishReason == "content_filter" ? ChatJson.FilteredResults : ChatJson.FilterResults, skipInputValidation: true);
        json.WriteString("finish_reason"u8, reply.EffectiveFinishReason);
        json.WriteNumber("index"u8, 0);
        json.WriteNull("logprobs"u8);
        WriteMessage(json, chat);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteNumber("created"u8, chat.Created);
        json.WriteString("id"u8, chat.Id);
        json.WriteString("model"u8, chat.Model);
        json.WriteString("object"u8, "chat.completion"u8);
        json.WritePropertyName("prompt_filter_results"u8);
        json.WriteRawValue(ChatJson.PromptFilterResults, skipInputValidation: true);
        json.WriteString("system_fingerprint"u8, ChatJson.Fingerprint);
        ChatJson.WriteUsage(json, chat.Usage);
        json.WriteEndObject();
    }

    private static void WriteMessage(Utf8JsonWriter json, in ChatContext chat)
    {
        var reply = chat.Reply;
        json.WriteStartObject("message"u8);
        json.WriteStartArray("annotations"u8);
        json.WriteEndArray();
        json.WriteString("content"u8, reply.Text);
        json.WriteString("refusal"u8, reply.Refusal);
        json.WriteString("role"u8, "assistant"u8);
        if (reply.ToolCalls.Count > 0)
        {
            json.WriteStartArray("tool_calls"u8);
            for (int i = 0; i < reply.ToolCalls.Count; i++)
            {
                json.WriteStartObject();
                json.WriteStartObject("function"u8);
                json.WriteString("arguments"u8, reply.ToolCalls[i].ArgumentsJson);
                json.WriteString("name"u8, reply.ToolCalls[i].Name);
                json.WriteEndObject();
                json.WriteString("id"u8, chat.ToolCallId(i));
                json.WriteString("type"u8, "function"u8);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }
}
