using System.Text.Encodings.Web;
using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>The parts of chat JSON that whole answers and streams share.</summary>
internal static class ChatJson
{
    public const string Fingerprint = "fp_5154047bf2";

    public static readonly JsonWriterOptions WriterOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    public static ReadOnlySpan<byte> PromptFilterResults =>
        """[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}]"""u8;

    public static ReadOnlySpan<byte> FilterResults =>
        """{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}"""u8;

    /// <summary>The service names the filter that fired in an answer whose finish reason is content_filter.</summary>
    public static ReadOnlySpan<byte> FilteredResults =>
        """{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":true,"severity":"medium"}}"""u8;

    public static void WriteUsage(Utf8JsonWriter json, TokenUsage usage)
    {
        json.WriteStartObject("usage"u8);
        json.WriteNumber("completion_tokens"u8, usage.CompletionTokens);
        json.WriteStartObject("completion_tokens_details"u8);
        json.WriteNumber("accepted_prediction_tokens"u8, 0);
        json.WriteNumber("audio_tokens"u8, 0);
        json.WriteNumber("reasoning_tokens"u8, usage.ReasoningTokens);
        json.WriteNumber("rejected_prediction_tokens"u8, 0);
        json.WriteEndObject();
        json.WriteNumber("prompt_tokens"u8, usage.PromptTokens);
        json.WriteStartObject("prompt_tokens_details"u8);
        json.WriteNumber("audio_tokens"u8, 0);
        json.WriteNumber("cached_tokens"u8, usage.CachedTokens);
        json.WriteEndObject();
        json.WriteNumber("total_tokens"u8, usage.PromptTokens + usage.CompletionTokens);
        json.WriteEndObject();
    }
}
