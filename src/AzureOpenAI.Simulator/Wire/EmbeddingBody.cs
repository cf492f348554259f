using System.Buffers;
using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>The body of an embeddings answer.</summary>
internal static class EmbeddingBody
{
    public static void Write(IBufferWriter<byte> output, EmbeddingRequest request, string model, int dimensions)
    {
        using var json = new Utf8JsonWriter(output, ChatJson.WriterOptions);
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        for (int i = 0; i < request.Inputs.Count; i++)
        {
            json.WriteStartObject();
            json.WriteString("object"u8, "embedding"u8);
            json.WriteNumber("index"u8, i);
            WriteVector(json, EmbeddingVector.Of(request.Inputs[i], dimensions), request.Base64);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("model"u8, model);
        json.WriteStartObject("usage"u8);
        json.WriteNumber("prompt_tokens"u8, request.EstimatedTokens);
        json.WriteNumber("total_tokens"u8, request.EstimatedTokens);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteVector(Utf8JsonWriter json, float[] vector, bool base64)
    {
        if (base64)
        {
            json.WriteBase64String("embedding"u8, EmbeddingVector.ToLittleEndian(vector));
            return;
        }

        json.WriteStartArray("embedding"u8);
        foreach (float component in vector)
        {
            json.WriteNumberValue(component);
        }

        json.WriteEndArray();
    }
}
