using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace AzureOpenAI.Simulator;

internal static class RequestBody
{
    /// <summary>Reads the whole body; <see langword="null"/> if it is not a JSON object.</summary>
    public static async ValueTask<JsonElement?> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var reader = request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            if (!read.IsCompleted)
            {
                reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                continue;
            }

            var body = read.Buffer.IsEmpty ? null : Parse(new Utf8JsonReader(read.Buffer));
            reader.AdvanceTo(read.Buffer.End);
            return body;
        }
    }

    private static JsonElement? Parse(Utf8JsonReader reader)
    {
        try
        {
            var element = JsonElement.ParseValue(ref reader);
            return element.ValueKind == JsonValueKind.Object && !reader.Read() ? element : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
