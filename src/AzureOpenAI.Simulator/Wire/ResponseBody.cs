using System.Buffers;
using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>The response object of the Responses API, in any status.</summary>
internal static class ResponseBody
{
    public static void Write(IBufferWriter<byte> output, ResponseContext response, string status)
    {
        using var json = new Utf8JsonWriter(output, ChatJson.WriterOptions);
        WriteResponse(json, response, status);
    }

    public static void WriteResponse(Utf8JsonWriter json, ResponseContext response, string status)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, response.Id);
        json.WriteString("object"u8, "response"u8);
        json.WriteNumber("created_at"u8, response.Created);
        json.WriteString("status"u8, status);
        json.WriteBoolean("background"u8, response.Request.InBackground);
        WriteEnd(json, response, status);
        json.WriteString("instructions"u8, response.Request.Instructions);
        json.WriteString("model"u8, response.Model);
        json.WriteString("previous_response_id"u8, response.Request.PreviousId);
        if (response.Request.ConversationId is { } conversation)
        {
            json.WriteStartObject("conversation"u8);
            json.WriteString("id"u8, conversation);
            json.WriteEndObject();
        }

        json.WriteStartArray("output"u8);
        if (status is "completed" or "incomplete")
        {
            new ResponseItems(json, response).WriteAll();
        }

        json.WriteEndArray();
        json.WriteBoolean("parallel_tool_calls"u8, true);
        json.WriteString("service_tier"u8, response.ServiceTier);
        json.WriteBoolean("store"u8, response.Request.IsStored);
        json.WriteString("tool_choice"u8, "auto"u8);
        json.WriteStartArray("tools"u8);
        json.WriteEndArray();
        json.WriteStartObject("metadata"u8);
        json.WriteEndObject();
        WriteUsage(json, status is "completed" or "incomplete" ? response.Usage : null);
        json.WriteEndObject();
    }

    private static void WriteEnd(Utf8JsonWriter json, ResponseContext response, string status)
    {
        json.WritePropertyName("error"u8);
        if (status == "failed" && response.Error is { } error)
        {
            json.WriteStartObject();
            json.WriteString("code"u8, error.Code);
            json.WriteString("message"u8, error.Message);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNullValue();
        }

        json.WritePropertyName("incomplete_details"u8);
        if (status == "incomplete")
        {
            json.WriteStartObject();
            json.WriteString("reason"u8, response.IncompleteReason);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNullValue();
        }
    }

    private static void WriteUsage(Utf8JsonWriter json, TokenUsage? usage)
    {
        if (usage is null)
        {
            json.WriteNull("usage"u8);
            return;
        }

        json.WriteStartObject("usage"u8);
        json.WriteNumber("input_tokens"u8, usage.PromptTokens);
        json.WriteStartObject("input_tokens_details"u8);
        json.WriteNumber("cached_tokens"u8, usage.CachedTokens);
        json.WriteEndObject();
        json.WriteNumber("output_tokens"u8, usage.CompletionTokens);
        json.WriteStartObject("output_tokens_details"u8);
        json.WriteNumber("reasoning_tokens"u8, usage.ReasoningTokens);
        json.WriteEndObject();
        json.WriteNumber("total_tokens"u8, usage.PromptTokens + usage.CompletionTokens);
        json.WriteEndObject();
    }
}
