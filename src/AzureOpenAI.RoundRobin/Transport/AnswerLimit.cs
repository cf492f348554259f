namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>The maximum bytes of an answer, so that a broken or malicious endpoint cannot fill the memory.</summary>
/// <param name="What">What is limited, for the message.</param>
/// <param name="Most">The maximum bytes.</param>
/// <param name="PerEvent">The bytes count from the last event of a stream on.</param>
/// <param name="EndsThere">Bytes beyond the maximum are left out without an exception.</param>
internal sealed record AnswerLimit(string What, long Most, bool PerEvent = false, bool EndsThere = false)
{
    private const int Mebibyte = 1024 * 1024;

    /// <summary>The service's largest answers are several images as base64, or 2,048 embeddings: about 100 MiB.</summary>
    public static readonly AnswerLimit Whole = new("an answer", 256 * Mebibyte);

    /// <summary>The service's largest event holds one image or a whole response.</summary>
    public static readonly AnswerLimit Event = new("an event of a stream", 32 * Mebibyte, PerEvent: true);

    /// <summary>An error is classified by its status, so the rest of its body is not needed.</summary>
    public static readonly AnswerLimit Error = new("an error", Mebibyte, EndsThere: true);
}
