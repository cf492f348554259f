using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>An embeddings request: texts, or token arrays taken as the text that spells them.</summary>
internal sealed class EmbeddingRequest(JsonElement body)
{
    public IReadOnlyList<string> Inputs { get; } = ReadInputs(body);

    public int? Dimensions => body.ReadInt32("dimensions"u8);

    public bool Base64 => body.ReadString("encoding_format"u8) == "base64";

    public int EstimatedTokens => Inputs.Sum(input => TokenEstimate.FromCharacters(input.Length));

    private static IReadOnlyList<string> ReadInputs(JsonElement body)
    {
        if (body.ReadString("input"u8) is { } text)
        {
            return [text];
        }

        if (!body.TryRead("input"u8, JsonValueKind.Array, out var inputs) || inputs.GetArrayLength() == 0)
        {
            return [];
        }

        return inputs[0].ValueKind switch
        {
            JsonValueKind.String => [.. inputs.EnumerateArray().Select(input => input.ToString())],
            JsonValueKind.Array => [.. inputs.EnumerateArray().Select(input => input.GetRawText())],
            _ => [inputs.GetRawText()],
        };
    }
}
