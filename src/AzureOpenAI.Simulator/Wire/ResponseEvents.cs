using System.Text;
using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>The events of a streamed response, in the service's order. The number of an event is its place.</summary>
internal sealed class ResponseEvents
{
    private readonly EventList _events = new();
    private readonly Utf8JsonWriter _json;
    private readonly ResponseContext _response;
    private readonly ResponseItems _items;
    private int _outputIndex;

    private ResponseEvents(ResponseContext response, Utf8JsonWriter json, EventList events)
    {
        _response = response;
        _json = json;
        _events = events;
        _items = new ResponseItems(json, response);
    }

    public static EventList Create(ResponseContext response)
    {
        var events = new EventList();
        using var json = new Utf8JsonWriter(events.Output, ChatJson.WriterOptions);
        new ResponseEvents(response, json, events).WriteAll();
        return events;
    }

    /// <summary>The event that ends a stream badly, or one of an unknown type.</summary>
    public static (string Name, byte[] Payload) OfFault(Fault fault, StreamFormat format, ResponseContext response, int sequence)
    {
        if (fault.Kind == FaultKind.Failed)
        {
            var events = new EventList();
            using var json = new Utf8JsonWriter(events.Output, ChatJson.WriterOptions);
            var failed = new ResponseEvents(response with { Error = (fault.Code!, fault.Text) }, json, events);
            failed.WriteResponse("failed", "failed", sequence);
            return (events.Name(0)!, events[0].ToArray());
        }

        string text = fault.Kind == FaultKind.ErrorEvent
            ? ErrorBodies.ResponseError(fault.Text, fault.Code, sequence, format.NestedErrors)
            : $$"""{"type":"response.simulated_unknown","sequence_number":{{sequence}}}""";
        return (fault.Kind == FaultKind.ErrorEvent ? "error" : "response.simulated_unknown", Encoding.UTF8.GetBytes(text));
    }

    private void WriteAll()
    {
        WriteResponse("created", _response.Request.InBackground ? "queued" : "in_progress");
        WriteResponse("in_progress", "in_progress");
        if (_response.SealedReasoning is not null)
        {
            WriteItem("added", _items.WriteReasoning);
            WriteItem("done", _items.WriteReasoning);
            _outputIndex++;
        }

        if (ResponseItems.HasMessage(_response))
        {
            WriteMessage();
            _outputIndex++;
        }

        for (int i = 0; i < _response.Reply.ToolCalls.Count; i++)
        {
            WriteCall(i);
            _outputIndex++;
        }

        WriteResponse(_response.FinalStatus, _response.FinalStatus);
    }

    private void WriteMessage()
    {
        var reply = _response.Reply;
        WriteItem("added", () => _items.WriteMessage(isWhole: false));
        WritePart("added", isWhole: false);
        string kind = reply.Text is null ? "refusal" : "output_text";
        foreach (string piece in reply.Text is null ? TextPieces.Cut(reply.Refusal!) : reply.Chunks ?? TextPieces.Cut(reply.Text))
        {
            WriteText($"response.{kind}.delta", "delta"u8, piece, isContent: true);
        }

        WriteText($"response.{kind}.done", reply.Text is null ? "refusal"u8 : "text"u8, (reply.Text ?? reply.Refusal)!, isContent: false);
        WritePart("done", isWhole: true);
        WriteItem("done", () => _items.WriteMessage(isWhole: true));
    }

    private void WriteCall(int index)
    {
        WriteItem("added", () => _items.WriteCall(index, isWhole: false));
        foreach (string piece in TextPieces.Cut(_response.Reply.ToolCalls[index].ArgumentsJson))
        {
            WriteArguments("response.function_call_arguments.delta", "delta"u8, index, piece, isContent: true);
        }

        WriteArguments("response.function_call_arguments.done", "arguments"u8, index, _response.Reply.ToolCalls[index].ArgumentsJson, isContent: false);
        WriteItem("done", () => _items.WriteCall(index, isWhole: true));
    }

    private void WriteResponse(string type, string status, int? sequence = null)
    {
        Begin("response." + type, sequence);
        _json.WritePropertyName("response"u8);
        ResponseBody.WriteResponse(_json, _response, status);
        End("response." + type);
    }

    private void WriteItem(string change, Action write)
    {
        string type = "response.output_item." + change;
        Begin(type);
        _json.WriteNumber("output_index"u8, _outputIndex);
        _json.WritePropertyName("item"u8);
        write();
        End(type);
    }

    private void WritePart(string change, bool isWhole)
    {
        string type = "response.content_part." + change;
        Begin(type);
        WritePlace("msg", 0);
        _json.WriteNumber("content_index"u8, 0);
        _json.WritePropertyName("part"u8);
        _items.WritePart(isWhole);
        End(type);
    }

    private void WriteText(string type, ReadOnlySpan<byte> property, string text, bool isContent)
    {
        Begin(type);
        WritePlace("msg", 0);
        _json.WriteNumber("content_index"u8, 0);
        _json.WriteString(property, text);
        End(type, isContent);
    }

    private void WriteArguments(string type, ReadOnlySpan<byte> property, int index, string text, bool isContent)
    {
        Begin(type);
        WritePlace("fc", index);
        _json.WriteString(property, text);
        End(type, isContent);
    }

    private void WritePlace(string kind, int index)
    {
        _json.WriteString("item_id"u8, _response.ItemId(kind, index));
        _json.WriteNumber("output_index"u8, _outputIndex);
    }

    private void Begin(string type, int? sequence = null)
    {
        _json.WriteStartObject();
        _json.WriteString("type"u8, type);
        _json.WriteNumber("sequence_number"u8, sequence ?? _events.Count);
    }

    private void End(string type, bool isContent = false)
    {
        _json.WriteEndObject();
        _json.Flush();
        _json.Reset();
        _events.EndEvent(isContent, type);
    }
}
