namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>How many bytes of an answer are read at most, so that a broken endpoint or one that means harm cannot fill the memory.</summary>
/// <param name="What">What it is a limit of, for the message.</param>
/// <param name="Most">The most bytes of it.</param>
/// <param name="PerEvent">It counts from the last event of a stream on.</param>
/// <param name="EndsThere">What is over is left out, and is no fault.</param>
internal sealed record AnswerLimit(string What, long Most, bool PerEvent = false, bool EndsThere = false)
{
    private const int Mebibyte = 1024 * 1024;

    /// <summary>The longest that the service gives at once are several images as base64 or 2,048 embeddings: some 100 MiB.</summary>
    public static readonly AnswerLimit Whole = new("an answer", 256 * Mebibyte);

    /// <summary>The longest there is holds one image or a whole response.</summary>
    public static readonly AnswerLimit Event = new("an event of a stream", 32 * Mebibyte, PerEvent: true);

    /// <summary>Its status says the rest.</summary>
    public static readonly AnswerLimit Error = new("an error", Mebibyte, EndsThere: true);
}
