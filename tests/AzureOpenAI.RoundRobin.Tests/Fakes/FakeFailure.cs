using System.ClientModel;
using System.ClientModel.Primitives;
using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>The failures that the SDK throws, made by hand.</summary>
internal static class FakeFailure
{
    public static ClientResultException Status(int status, params (string Name, string Value)[] headers) =>
        new($"HTTP {status}", new Response(status, headers));

    /// <summary>The same with a body of its own; a header may stand there twice.</summary>
    public static ClientResultException Saying(int status, string body, params (string Name, string Value)[] headers) =>
        new($"HTTP {status}", new Response(status, headers, body));

    public static ClientResultException RateLimited(TimeSpan hint) =>
        Status(429, ("retry-after-ms", hint.TotalMilliseconds.ToString(System.Globalization.CultureInfo.InvariantCulture)));

    public static ClientResultException Refused() => new(
        "Connection refused", null,
        new HttpRequestException(HttpRequestError.ConnectionError, "Connection refused", new SocketException((int)SocketError.ConnectionRefused)));

    public static ClientResultException UnknownName() => new(
        "No such host is known", null,
        new HttpRequestException(HttpRequestError.NameResolutionError, "No such host is known", new SocketException((int)SocketError.HostNotFound)));

    public static ClientResultException Reset() => new(
        "Connection reset", null,
        new HttpRequestException("reset", new IOException("reset", new SocketException((int)SocketError.ConnectionReset))));

    private sealed class Response(int status, (string Name, string Value)[] headers, string body = "{}") : PipelineResponse
    {
        public override int Status { get; } = status;

        public override string ReasonPhrase => "";

        public override Stream? ContentStream { get; set; }

        public override BinaryData Content { get; } = BinaryData.FromString(body);

        protected override PipelineResponseHeaders HeadersCore { get; } = new Headers(headers);

        public override BinaryData BufferContent(CancellationToken cancellationToken = default) => Content;

        public override ValueTask<BinaryData> BufferContentAsync(CancellationToken cancellationToken = default) => new(Content);

        public override void Dispose()
        {
        }
    }

    private sealed class Headers((string Name, string Value)[] headers) : PipelineResponseHeaders
    {
        private readonly ILookup<string, string> _headers = headers.ToLookup(header => header.Name, header => header.Value, StringComparer.OrdinalIgnoreCase);

        public override IEnumerator<KeyValuePair<string, string>> GetEnumerator() =>
            _headers.Select(header => KeyValuePair.Create(header.Key, string.Join(",", header))).GetEnumerator();

        public override bool TryGetValue(string name, [NotNullWhen(true)] out string? value)
        {
            value = _headers.Contains(name) ? string.Join(",", _headers[name]) : null;
            return value is not null;
        }

        public override bool TryGetValues(string name, [NotNullWhen(true)] out IEnumerable<string>? values)
        {
            values = _headers.Contains(name) ? _headers[name] : null;
            return values is not null;
        }
    }
}
