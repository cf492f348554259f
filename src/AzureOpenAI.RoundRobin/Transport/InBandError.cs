using System.Globalization;
using System.Text;
using System.Text.Json;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>An error that the service reports inside an answer of status 200: as an event of a stream, or as the whole body.</summary>
/// <param name="Status">The status that it would have had as an answer of its own.</param>
/// <param name="Type">Its type, if it names one.</param>
/// <param name="Code">Its code, if it names one.</param>
/// <param name="Message">What it says; the text of the error itself where it has no message.</param>
/// <remarks>
/// A well answer is not parsed for this: what neither has <c>"error"</c> as a name or a whole value, nor begins as a problem of a gateway does, nor is an event
/// named so, is none. In the text of an answer the quotes would be escaped.
/// </remarks>
internal sealed record InBandError(int Status, string? Type, string? Code, string Message)
{
    /// <summary>What is longer than this is no error.</summary>
    public const int Longest = 64 * 1024;

    private const int LongestQuote = 4096;

    /// <summary>Finds the error in an event of a stream, its fields and all, or in a whole body.</summary>
    /// <param name="text">The event or the body.</param>
    /// <param name="isWhole">No more of it will come. Of one that is not, only an error is found whose JSON is complete.</param>
    public static InBandError? Find(ReadOnlySpan<byte> text, bool isWhole)
    {
        text = text.TrimStart("\uFEFF"u8).Trim(" \t\r\n"u8);
        return text.Length <= Longest && MayHold(text) ? Read(text, isWhole) : null;
    }

    private static bool MayHold(ReadOnlySpan<byte> text)
    {
        if (text is [(byte)'{', ..])
        {
            return BeginsAsProblem(text) || text.IndexOf("\"error\""u8) >= 0;
        }

        bool hasFields = false;
        foreach (Range range in EventFields.Lines(text))
        {
            ReadOnlySpan<byte> line = text[range];
            bool isData = EventFields.IsData(line, out ReadOnlySpan<byte> data);
            if ((isData && BeginsAsProblem(data)) || EventFields.IsErrorName(line))
            {
                return true;
            }

            hasFields |= isData;
        }

        return hasFields && text.IndexOf("\"error\""u8) >= 0;
    }

    /// <summary>What a gateway says has no <c>error</c> around it.</summary>
    private static bool BeginsAsProblem(ReadOnlySpan<byte> json)
    {
        if (json is not [(byte)'{', ..])
        {
            return false;
        }

        json = json[1..].TrimStart(" \t\r\n"u8);
        return json.StartsWith("\"statusCode\""u8) || json.StartsWith("\"code\""u8) || json.StartsWith("\"message\""u8) || json.StartsWith("\"status\""u8);
    }

    private static InBandError? Read(ReadOnlySpan<byte> text, bool isWhole)
    {
        ReadOnlySpan<byte> json = text is [(byte)'{', ..] ? text : EventFields.DataOf(text);
        bool isNamed = text is not [(byte)'{', ..] && EventFields.IsError(text);
        try
        {
            Utf8JsonReader reader = new(json, isFinalBlock: false, default);
            if (JsonDocument.TryParseValue(ref reader, out JsonDocument? parsed))
            {
                using (parsed)
                {
                    bool isAll = json[(int)reader.BytesConsumed..].Trim(" \t\r\n"u8).IsEmpty;
                    return isAll && parsed.RootElement.ValueKind == JsonValueKind.Object ? Of(parsed.RootElement, isNamed)
                        : isNamed && isWhole ? Plain(json) : null;
                }
            }
        }
        catch (JsonException)
        {
            // An event that is named an error may say in plain words what it is.
        }

        return isNamed && isWhole ? Plain(json) : null;
    }

    private static InBandError Plain(ReadOnlySpan<byte> words) => new(500, null, null, Quote(Encoding.UTF8.GetString(words)));

    private static InBandError? Of(JsonElement root, bool isNamed)
    {
        JsonElement error = root.TryGetProperty("error"u8, out JsonElement inner) ? inner : default;
        bool hasError = error.ValueKind == JsonValueKind.Object || (error.ValueKind == JsonValueKind.String && error.GetString() is { Length: > 0 });
        bool isOne = isNamed || Text(root, "type") == "error" || Text(root, "object") == "error";
        if (!isOne && (HasAnswer(root) || IsResource(root) || !(hasError || IsProblem(root))))
        {
            return null;
        }

        JsonElement says = hasError && error.ValueKind == JsonValueKind.Object ? error : root;
        string? type = Text(says, "type") is { } named && named != "error" ? named : null;
        string? code = Text(says, "code") ?? Text(root, "code");
        JsonElement within = says.TryGetProperty("innererror"u8, out inner) || says.TryGetProperty("inner_error"u8, out inner) ? inner : default;
        string? status = Text(says, "status") ?? Text(says, "statusCode") ?? Text(root, "statusCode") ?? Text(root, "status");
        string message = Text(says, "message") ?? (hasError && says.ValueKind != error.ValueKind ? error.GetString() : null) ?? Text(within, "message") ?? says.GetRawText();
        return new(InBandStatus.Of(code, status, type, Text(within, "code")), type, code, Quote(message));
    }

    /// <summary>A choice, unless it is there to say that it failed.</summary>
    private static bool HasAnswer(JsonElement root) =>
        root.TryGetProperty("choices"u8, out JsonElement choices) && choices.ValueKind == JsonValueKind.Array && choices.GetArrayLength() > 0
        && !choices.EnumerateArray().Any(static choice => Text(choice, "finish_reason") == "error");

    /// <summary>A job or a response that has failed is what was asked for.</summary>
    private static bool IsResource(JsonElement root) =>
        Text(root, "id") is { Length: > 0 } && Text(root, "object") is { Length: > 0 } kind && !kind.StartsWith("chat.completion", StringComparison.Ordinal);

    private static bool IsProblem(JsonElement root) =>
        root.TryGetProperty("message"u8, out JsonElement message) && message.ValueKind == JsonValueKind.String
        && (Text(root, "statusCode") ?? Text(root, "code") ?? Text(root, "status")) is not null
        && !root.TryGetProperty("choices"u8, out _) && !root.TryGetProperty("data"u8, out _) && !root.TryGetProperty("id"u8, out _) && !root.TryGetProperty("object"u8, out _);

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out JsonElement value) ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : value.ValueKind == JsonValueKind.Number ? value.GetRawText()
        : null;

    private static string Quote(string words) =>
        words.Length <= LongestQuote ? words : string.Create(CultureInfo.InvariantCulture, $"{words.AsSpan(0, LongestQuote)}...");
}
