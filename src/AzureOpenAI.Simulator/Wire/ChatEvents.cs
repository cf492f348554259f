using System.Buffers;
using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>The events of a streamed chat answer, in the service's order.</summary>
internal sealed class ChatEvents
{
    private static readonly JsonEncodedText AsyncAnnotation = JsonEncodedText.Encode("content_filter_offsets");

    private readonly EventList _events;
    private readonly Utf8JsonWriter _json;
    private readonly ChatContext _chat;
    private readonly bool _includeUsage;

    private ChatEvents(in ChatContext chat, EventList events, Utf8JsonWriter json)
    {
        _chat = chat;
        _events = events;
        _json = json;
        _includeUsage = chat.Request.IncludesUsage;
    }

    public static EventList Create(in ChatContext chat, StreamFormat format)
    {
        var events = new EventList();
        using var json = new Utf8JsonWriter(events.Output, ChatJson.WriterOptions);
        new ChatEvents(chat, events, json).WriteAll(format);
        return events;
    }

    private void WriteAll(StreamFormat format)
    {
        var reply = _chat.Reply;
        WritePromptFilter();
        WriteRole();
        foreach (string piece in reply.Text is null ? [] : reply.Chunks ?? TextPieces.Cut(reply.Text))
        {
            WriteText("content"u8, piece);
        }

        foreach (string piece in reply.Refusal is null ? [] : TextPieces.Cut(reply.Refusal))
        {
            WriteText("refusal"u8, piece);
        }

        for (int i = 0; i < reply.ToolCalls.Count; i++)
        {
            WriteToolCall(i);
        }

        if (format.FilterAnnotations)
        {
            WriteAnnotation(0);
        }

        WriteFinish();
        if (format.FilterAnnotations)
        {
            WriteAnnotation(reply.Text?.Length ?? 0);
        }

        if (_includeUsage)
        {
            WriteUsage();
        }

        _events.Output.Write("[DONE]"u8);
        _events.EndEvent();
    }

    private void WritePromptFilter()
    {
        _json.WriteStartObject();
        _json.WriteStartArray("choices"u8);
        _json.WriteEndArray();
        WriteAnonymousEnd();
        _json.WritePropertyName("prompt_filter_results"u8);
        _json.WriteRawValue(ChatJson.PromptFilterResults, skipInputValidation: true);
        EndObject();
    }

    private void WriteRole()
    {
        BeginChunk();
        if (_chat.Reply.ToolCalls.Count > 0 && _chat.Reply.Text is null)
        {
            _json.WriteNull("content"u8);
        }
        else
        {
            _json.WriteString("content"u8, ""u8);
        }

        _json.WriteNull("refusal"u8);
        _json.WriteString("role"u8, "assistant"u8);
        EndChunk(finishReason: null, isContent: false);
    }

    private void WriteText(ReadOnlySpan<byte> property, string piece)
    {
        BeginChunk(filtered: true);
        _json.WriteString(property, piece);
        EndChunk(finishReason: null, isContent: true);
    }

    private void WriteToolCall(int index)
    {
        var call = _chat.Reply.ToolCalls[index];
        BeginToolCall(index);
        _json.WriteString("id"u8, _chat.ToolCallId(index));
        _json.WriteString("type"u8, "function"u8);
        _json.WriteStartObject("function"u8);
        _json.WriteString("name"u8, call.Name);
        _json.WriteString("arguments"u8, ""u8);
        EndToolCall();
        foreach (string piece in TextPieces.Cut(call.ArgumentsJson))
        {
            BeginToolCall(index);
            _json.WriteStartObject("function"u8);
            _json.WriteString("arguments"u8, piece);
            EndToolCall();
        }
    }

    private void BeginToolCall(int index)
    {
        BeginChunk();
        _json.WriteStartArray("tool_calls"u8);
        _json.WriteStartObject();
        _json.WriteNumber("index"u8, index);
    }

    private void EndToolCall()
    {
        _json.WriteEndObject();
        _json.WriteEndObject();
        _json.WriteEndArray();
        EndChunk(finishReason: null, isContent: true);
    }

    private void WriteFinish()
    {
        BeginChunk(filtered: _chat.Reply.EffectiveFinishReason == "content_filter");
        EndChunk(_chat.Reply.EffectiveFinishReason, isContent: false);
    }

    /// <summary>The asynchronous filter's verdict: a choice without delta, under no id.</summary>
    private void WriteAnnotation(int offset)
    {
        _json.WriteStartObject();
        _json.WriteStartArray("choices"u8);
        _json.WriteStartObject();
        _json.WriteStartObject(AsyncAnnotation);
        _json.WriteNumber("check_offset"u8, offset);
        _json.WriteNumber("start_offset"u8, 0);
        _json.WriteNumber("end_offset"u8, offset);
        _json.WriteEndObject();
        _json.WritePropertyName("content_filter_results"u8);
        _json.WriteRawValue(ChatJson.FilterResults, skipInputValidation: true);
        _json.WriteNull("finish_reason"u8);
        _json.WriteNumber("index"u8, 0);
        _json.WriteEndObject();
        _json.WriteEndArray();
        WriteAnonymousEnd();
        EndObject();
    }

    private void WriteUsage()
    {
        _json.WriteStartObject();
        _json.WriteStartArray("choices"u8);
        _json.WriteEndArray();
        WriteIdentity();
        ChatJson.WriteUsage(_json, _chat.Usage);
        EndObject();
    }

    private void BeginChunk(bool filtered = false)
    {
        _json.WriteStartObject();
        _json.WriteStartArray("choices"u8);
        _json.WriteStartObject();
        _json.WritePropertyName("content_filter_results"u8);
        _json.WriteRawValue(
            !filtered ? "{}"u8 : _chat.Reply.EffectiveFinishReason == "content_filter" ? ChatJson.FilteredResults : ChatJson.FilterResults,
            skipInputValidation: true);
        _json.WriteStartObject("delta"u8);
    }

    private void EndChunk(string? finishReason, bool isContent)
    {
        _json.WriteEndObject();
        _json.WriteString("finish_reason"u8, finishReason);
        _json.WriteNumber("index"u8, 0);
        _json.WriteNull("logprobs"u8);
        _json.WriteEndObject();
        _json.WriteEndArray();
        WriteIdentity();
        if (_includeUsage)
        {
            _json.WriteNull("usage"u8);
        }

        EndObject(isContent);
    }

    private void WriteIdentity()
    {
        _json.WriteNumber("created"u8, _chat.Created);
        _json.WriteString("id"u8, _chat.Id);
        _json.WriteString("model"u8, _chat.Model);
        _json.WriteString("object"u8, "chat.completion.chunk"u8);
        _json.WriteString("system_fingerprint"u8, ChatJson.Fingerprint);
    }

    private void WriteAnonymousEnd()
    {
        _json.WriteNumber("created"u8, 0);
        _json.WriteString("id"u8, ""u8);
        _json.WriteString("model"u8, ""u8);
        _json.WriteString("object"u8, ""u8);
    }

    private void EndObject(bool isContent = false)
    {
        _json.WriteEndObject();
        _json.Flush();
        _json.Reset();
        _events.EndEvent(isContent);
    }
}
