using System.Buffers;
using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>The list of the models that a resource has deployed.</summary>
internal static class ModelsBody
{
    public static void Write(IBufferWriter<byte> output, IEnumerable<SimulatedDeployment> deployments)
    {
        using var json = new Utf8JsonWriter(output, ChatJson.WriterOptions);
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        foreach (string model in deployments.Select(deployment => deployment.Model).Distinct(StringComparer.Ordinal))
        {
            json.WriteStartObject();
            json.WriteString("id"u8, model);
            json.WriteString("object"u8, "model"u8);
            json.WriteString("lifecycle_status"u8, "generally-available"u8);
            json.WriteString("status"u8, "succeeded"u8);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
