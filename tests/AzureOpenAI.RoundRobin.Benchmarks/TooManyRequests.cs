using System.ClientModel.Primitives;
using System.Diagnostics.CodeAnalysis;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>A 429 that asks for five minutes of peace, which is longer than a benchmark takes.</summary>
internal sealed class TooManyRequests : PipelineResponse
{
    public override int Status => 429;

    public override string ReasonPhrase => "";

    public override Stream? ContentStream { get; set; }

    public override BinaryData Content { get; } = BinaryData.FromString("{}");

    protected override PipelineResponseHeaders HeadersCore { get; } = new RetryAfterHeaders();

    public override BinaryData BufferContent(CancellationToken cancellationToken = default) => Content;

    public override ValueTask<BinaryData> BufferContentAsync(CancellationToken cancellationToken = default) => new(Content);

    public override void Dispose()
    {
    }

    private sealed class RetryAfterHeaders : PipelineResponseHeaders
    {
        public override IEnumerator<KeyValuePair<string, string>> GetEnumerator() => Enumerable.Empty<KeyValuePair<string, string>>().GetEnumerator();

        public override bool TryGetValue(string name, [NotNullWhen(true)] out string? value)
        {
            value = name == "Retry-After" ? "300" : null;
            return value is not null;
        }

        public override bool TryGetValues(string name, [NotNullWhen(true)] out IEnumerable<string>? values)
        {
            values = TryGetValue(name, out string? value) ? [value] : null;
            return values is not null;
        }
    }
}
