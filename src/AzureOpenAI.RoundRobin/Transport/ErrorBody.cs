using System.ClientModel.Primitives;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Cleans the body of an error of keys, since the SDK quotes it in its exception, and so in every log.</summary>
internal static class ErrorBody
{
    private const int ShortestKey = 8;
    private const string Bearer = "Bearer ";

    public static bool Is(PipelineResponse response) => response.Status is < 200 or >= 300;

    /// <summary>Called after the body has been read.</summary>
    public static void Clean(PipelineRequest request, PipelineResponse response)
    {
        if (!Is(response))
        {
            return;
        }

        // For an error body that is the JSON null the classic client throws a NullReferenceException, without the status.
        if (response.Content.ToMemory().Span.Trim(" \t\r\n"u8).SequenceEqual("null"u8))
        {
            response.ContentStream = new MemoryStream();
        }
        else if (KeyOf(request) is { Length: >= ShortestKey } key && response.Content.ToString() is var body && body.Contains(key, StringComparison.OrdinalIgnoreCase))
        {
            // Some gateways echo the request.
            response.ContentStream = BinaryData.FromString(body.Replace(key, "(key)", StringComparison.OrdinalIgnoreCase)).ToStream();
        }
    }

    /// <summary>A text that may quote what was sent.</summary>
    public static string WithoutKey(PipelineRequest? request, string text) =>
        request is not null && KeyOf(request) is { Length: >= ShortestKey } key ? text.Replace(key, "(key)", StringComparison.OrdinalIgnoreCase) : text;

    private static string? KeyOf(PipelineRequest request) =>
        request.Headers.TryGetValue("api-key", out string? key) ? key
        : request.Headers.TryGetValue("Authorization", out string? token) && token!.StartsWith(Bearer, StringComparison.Ordinal) ? token[Bearer.Length..]
        : null;
}
