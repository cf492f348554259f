namespace AzureOpenAI.Simulator;

/// <summary>The answer that a fault gives in place of the service.</summary>
internal sealed record FaultResponse(int Status, string Body, string? ContentType)
{
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>The content type of streams, where the request asked for one, instead of <see cref="ContentType"/>.</summary>
    public bool StreamsWhenAsked { get; init; }
}
