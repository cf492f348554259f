using System.Text.Json;
using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>Turns JSON text into nodes. Comments and trailing commas are allowed, since people write this by hand.</summary>
/// <remarks>
/// A fault names the position and never quotes the text, which contains keys; the parser's own message could quote one.
/// </remarks>
internal static class JsonConnection
{
    public const int MaxLength = 1_048_576;

    private static readonly JsonDocumentOptions Options = new()
    {
        AllowTrailingCommas = true,
        CommentHandling = JsonCommentHandling.Skip,
        MaxDepth = 16,
    };

    /// <returns>The root, or null after adding a fault.</returns>
    public static DataNode? Parse(string json, string origin, Findings findings)
    {
        // Whitespace is kept, so that lines and positions match the user's editor.
        string text = json.TrimStart('\uFEFF');
        if (string.IsNullOrWhiteSpace(text))
        {
            findings.Fault($"{origin} is empty; set it to a JSON array of endpoints, or remove it.");
            return null;
        }

        if (text.Length > MaxLength)
        {
            findings.Fault($"{origin} is longer than {MaxLength:N0} characters; set it to a JSON array of endpoints.");
            return null;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(text, Options);
            return ToNode(document.RootElement);
        }
        catch (JsonException fault)
        {
            findings.Fault($"{origin} {BrokenJson.Describe(text, fault)}");
        }
        catch (Exception fault) when (fault is InvalidOperationException or ArgumentException)
        {
            findings.Fault($"{origin} contains half of a character (an unpaired surrogate); write the character whole.");
        }

        return null;
    }

    private static DataNode ToNode(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => DataNode.OfObject([.. element.EnumerateObject().Select(static p => KeyValuePair.Create(p.Name, ToNode(p.Value)))]),
        JsonValueKind.Array => DataNode.OfArray([.. element.EnumerateArray().Select(ToNode)]),
        JsonValueKind.String => DataNode.OfText(element.GetString()!),
        JsonValueKind.Number => DataNode.OfNumber(element.GetRawText()),
        JsonValueKind.True or JsonValueKind.False => DataNode.Boolean,
        _ => DataNode.Null,
    };
}
