using System.ClientModel.Primitives;
using System.Diagnostics.CodeAnalysis;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>A failed answer as the SDK's exceptions carry it.</summary>
internal sealed class FakeResponse(int status, params (string Name, string Value)[] headers) : PipelineResponse
{
    public override int Status { get; } = status;

    public override string ReasonPhrase => "";

    public override Stream? ContentStream { get; set; }

    public override BinaryData Content => BinaryData.FromString(Body);

    /// <summary>What the service says of it.</summary>
    public string Body { get; init; } = """{"error":{"message":"no"}}""";

    protected override PipelineResponseHeaders HeadersCore { get; } = new FakeHeaders(headers);

    public override BinaryData BufferContent(CancellationToken cancellationToken = default) => Content;

    public override ValueTask<BinaryData> BufferContentAsync(CancellationToken cancellationToken = default) => new(Content);

    public override void Dispose()
    {
    }

    private sealed class FakeHeaders((string Name, string Value)[] headers) : PipelineResponseHeaders
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
