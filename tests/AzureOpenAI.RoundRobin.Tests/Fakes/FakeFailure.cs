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

    public static ClientResultException RateLimited(TimeSpan hint) =>
        Status(429, ("retry-after-ms", hint.TotalMilliseconds.ToString(System.Globalization.CultureInfo.InvariantCulture)));

    public static ClientResultException Refused() => new(
        "Connection refused", null,
        new HttpRequestException(HttpRequestError.ConnectionError, "Connection refused", new SocketException((int)SocketError.ConnectionRefused)));

    public static ClientResultException Reset() => new(
        "Connection reset", null,
        new HttpRequestException("reset", new IOException("reset", new SocketException((int)SocketError.ConnectionReset))));

    private sealed class Response(int status, (string Name, string Value)[] headers) : PipelineResponse
    {
        public override int Status { get; } = status;

        public override string ReasonPhrase => "";

        public override Stream? ContentStream { get; set; }

        public override BinaryData Content { get; } = BinaryData.FromString("{}");

        protected override PipelineResponseHeaders HeadersCore { get; } = new Headers(headers);

        public override BinaryData BufferContent(CancellationToken cancellationToken = default) => Content;

        public override ValueTask<BinaryData> BufferContentAsync(CancellationToken cancellationToken = default) => new(Content);

        public override void Dispose()
        {
        }
    }

    private sealed class Headers((string Name, string Value)[] headers) : PipelineResponseHeaders
    {
        private readonly Dictionary<string, string> _headers = headers.ToDictionary(header => header.Name, header => header.Value, StringComparer.OrdinalIgnoreCase);

        public override IEnumerator<KeyValuePair<string, string>> GetEnumerator() => _headers.GetEnumerator();

        public override bool TryGetValue(string name, [NotNullWhen(true)] out string? value) => _headers.TryGetValue(name, out value);

        public override bool TryGetValues(string name, [NotNullWhen(true)] out IEnumerable<string>? values)
        {
            values = _headers.TryGetValue(name, out string? value) ? [value] : null;
            return values is not null;
        }
    }
}
