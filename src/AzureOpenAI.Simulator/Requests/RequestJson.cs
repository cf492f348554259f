using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>Lenient reading of request bodies: what is missing or of another kind is absent, not an error.</summary>
internal static class RequestJson
{
    public static bool TryRead(this JsonElement element, ReadOnlySpan<byte> name, JsonValueKind kind, out JsonElement value)
    {
        if (element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out value) && value.ValueKind == kind)
        {
            return true;
        }

        value = default;
        return false;
    }

    public static string? ReadString(this JsonElement element, ReadOnlySpan<byte> name) =>
        element.TryRead(name, JsonValueKind.String, out var value) ? value.GetString() : null;

    public static int? ReadInt32(this JsonElement element, ReadOnlySpan<byte> name) =>
        element.TryRead(name, JsonValueKind.Number, out var value) && value.TryGetInt32(out int number) ? number : null;

    public static bool ReadBoolean(this JsonElement element, ReadOnlySpan<byte> name) =>
        element.TryRead(name, JsonValueKind.True, out _);

    public static IReadOnlyList<RequestMessage> ReadMessages(this JsonElement body)
    {
        if (!body.TryRead("messages"u8, JsonValueKind.Array, out var messages))
        {
            return [];
        }

        var list = new List<RequestMessage>(messages.GetArrayLength());
        foreach (var message in messages.EnumerateArray())
        {
            list.Add(new RequestMessage(message.ReadString("role"u8) ?? "", message.ReadContent(), message.ReadString("tool_call_id"u8)));
        }

        return list;
    }

    public static IReadOnlyList<string> ReadToolNames(this JsonElement body)
    {
        if (!body.TryRead("tools"u8, JsonValueKind.Array, out var tools))
        {
            return [];
        }

        var names = new List<string>();
        foreach (var tool in tools.EnumerateArray())
        {
            if ((tool.TryRead("function"u8, JsonValueKind.Object, out var function) ? function : tool).ReadString("name"u8) is { } name)
            {
                names.Add(name);
            }
        }

        return names;
    }

    public static string ReadContent(this JsonElement message)
    {
        if (message.ReadString("content"u8) is { } text)
        {
            return text;
        }

        if (!message.TryRead("content"u8, JsonValueKind.Array, out var parts))
        {
            return "";
        }

        string joined = "";
        foreach (var part in parts.EnumerateArray())
        {
            joined += part.ReadString("text"u8);
        }

        return joined;
    }
}
