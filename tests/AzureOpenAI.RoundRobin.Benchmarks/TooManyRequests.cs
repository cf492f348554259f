using System.ClientModel.Primitives;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>A 429 that states a pause; by default five minutes, which is longer than a benchmark takes.</summary>
internal sealed class TooManyRequests(int seconds = 300) : PipelineResponse
{
    public override int Status => 429;

    public override string ReasonPhrase => "";

    public override Stream? ContentStream { get; set; }

    public override BinaryData Content { get; } = BinaryData.FromString("{}");

    protected override PipelineResponseHeaders HeadersCore { get; } = new RetryAfterHeaders(seconds);

    public override BinaryData BufferContent(CancellationToken cancellationToken = default) => Content;

    public override ValueTask<BinaryData> BufferContentAsync(CancellationToken cancellationToken = default) => new(Content);

    public override void Dispose()
    {
    }

    private sealed class RetryAfterHeaders(int seconds) : PipelineResponseHeaders
    {
        public override IEnumerator<KeyValuePair<string, string>> GetEnumerator() => Enumerable.Empty<KeyValuePair<string, string>>().GetEnumerator();

        public override bool TryGetValue(string name, [NotNullWhen(true)] out string? value)
        {
            value = name == "Retry-After" ? seconds.ToString(CultureInfo.InvariantCulture) : null;
            return value is not null;
        }

        public override bool TryGetValues(string name, [NotNullWhen(true)] out IEnumerable<string>? values)
        {
            values = TryGetValue(name, out string? value) ? [value] : null;
            return values is not null;
        }
    }
}
