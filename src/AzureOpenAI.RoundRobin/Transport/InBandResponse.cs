using System.Buffers;
using System.ClientModel.Primitives;
using System.Globalization;
using System.Text.Json;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>An error inside an answer of status 200, as an answer of its own: with its status, the headers of the answer, and the pause that its text states.</summary>
internal sealed class InBandResponse : PipelineResponse
{
    private const int LongestNumber = 9;

    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    private readonly Headed _headers;

    public InBandResponse(InBandError error, PipelineResponse? answer)
    {
        Status = error.Status;
        Content = BodyOf(error);
        ContentStream = Content.ToStream();
        _headers = new(answer?.Headers, error.Status == 429 ? PauseOf(error.Message) : null);
        IsErrorCore = true;
    }

    public override int Status { get; }

    public override string ReasonPhrase => "";

    public override Stream? ContentStream { get; set; }

    public override BinaryData Content { get; }

    protected override PipelineResponseHeaders HeadersCore => _headers;

    protected override bool IsErrorCore { get; set; }

    public override BinaryData BufferContent(CancellationToken cancellationToken = default) => Content;

    public override ValueTask<BinaryData> BufferContentAsync(CancellationToken cancellationToken = default) => new(Content);

    public override void Dispose()
    {
    }

    private static BinaryData BodyOf(InBandError error)
    {
        using MemoryStream body = new();
        using (Utf8JsonWriter writer = new(body))
        {
            writer.WriteStartObject();
            writer.WriteStartObject("error"u8);
            writer.WriteString("type"u8, error.Type);
            writer.WriteString("code"u8, error.Code);
            writer.WriteString("message"u8, error.Message);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        return BinaryData.FromBytes(body.ToArray());
    }

    /// <summary>Reads "retry after 20 seconds", "try again in 1.5s" and "try again in 300 milliseconds".</summary>
    /// <returns>In seconds, as a header has it.</returns>
    private static string? PauseOf(string message)
    {
        int at = Math.Max(EndOf(message, "retry after "), EndOf(message, "try again in "));
        ReadOnlySpan<char> rest = at < 0 ? default : message.AsSpan(at).TrimStart();
        int digits = rest.IndexOfAnyExcept(Digits);
        digits = digits < 0 ? rest.Length : digits;
        if (digits > LongestNumber || !double.TryParse(rest[..digits].TrimEnd('.'), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number))
        {
            return null;
        }

        rest = rest[digits..].TrimStart();
        bool isMilliseconds = rest.StartsWith("ms", StringComparison.OrdinalIgnoreCase) || rest.StartsWith("millisecond", StringComparison.OrdinalIgnoreCase);
        return isMilliseconds ? (number / 1000).ToString(CultureInfo.InvariantCulture)
            : rest.StartsWith("s", StringComparison.OrdinalIgnoreCase) ? number.ToString(CultureInfo.InvariantCulture)
            : null;
    }

    private static int EndOf(string message, string words) => message.IndexOf(words, StringComparison.OrdinalIgnoreCase) is >= 0 and int at ? at + words.Length : -1;

    /// <summary>The headers of the answer; where none of them states a pause, the text may.</summary>
    private sealed class Headed(PipelineResponseHeaders? given, string? pause) : PipelineResponseHeaders
    {
        private const string RetryAfter = "Retry-After";

        private readonly PipelineResponseHeaders? _given = given;
        private readonly string? _pause =
            given is not null && (given.TryGetValue(RetryAfter, out _) || given.TryGetValue("retry-after-ms", out _) || given.TryGetValue("x-ms-retry-after-ms", out _)) ? null : pause;

        public override bool TryGetValue(string name, out string? value)
        {
            value = _pause is not null && name.Equals(RetryAfter, StringComparison.OrdinalIgnoreCase) ? _pause : null;
            return value is not null || _given?.TryGetValue(name, out value) is true;
        }

        public override bool TryGetValues(string name, out IEnumerable<string>? values)
        {
            values = _pause is not null && name.Equals(RetryAfter, StringComparison.OrdinalIgnoreCase) ? [_pause] : null;
            return values is not null || _given?.TryGetValues(name, out values) is true;
        }

        public override IEnumerator<KeyValuePair<string, string>> GetEnumerator()
        {
            IEnumerable<KeyValuePair<string, string>> all = _given ?? Enumerable.Empty<KeyValuePair<string, string>>();
            return (_pause is null ? all : all.Append(new(RetryAfter, _pause))).GetEnumerator();
        }
    }
}
