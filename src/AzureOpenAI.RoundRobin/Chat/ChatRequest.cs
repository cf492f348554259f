using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>The caller's request, and the options that each endpoint gets. The caller's messages and options are never changed.</summary>
internal readonly struct ChatRequest(IEnumerable<ChatMessage> messages, ChatOptions? options, bool modelIsMapped, uint affinity)
{
    private const int CharactersPerToken = 4;

    private readonly bool _modelIsMapped = modelIsMapped;

    public IEnumerable<ChatMessage> Messages { get; } = messages;

    /// <summary>The caller's options.</summary>
    public ChatOptions? Options { get; } = options;

    /// <summary>The key of its conversation; 0 without affinity. 32 bits, which fit into the struct's padding: two conversations with the same key merely share an endpoint.</summary>
    public uint Affinity { get; } = affinity;

    /// <summary>The caller names a model or a conversation, and a 404 may be about that.</summary>
    public bool NamesModel => Options is { ModelId: not null } or { ConversationId: not null };

    /// <summary>The caller goes on with a job that one endpoint runs, and a 404 of another is about that.</summary>
    public bool NamesJob => Options is { ContinuationToken: not null };

    /// <summary>The caller goes on with a conversation or a job.</summary>
    public bool NamesState => Options is { ConversationId: not null } or { ContinuationToken: not null };

    /// <summary>A sequence that can be read only once is read here, once, since an attempt reads it as often as it likes.</summary>
    public static IEnumerable<ChatMessage> Repeatable(IEnumerable<ChatMessage> messages) =>
        messages.GetType() == typeof(ChatMessage[]) || messages.GetType() == typeof(List<ChatMessage>) ? messages : Repeated(messages);

    /// <summary>The caller's options, or a copy with what this endpoint needs: its deployment's name, and the configured defaults.</summary>
    public ChatOptions? OptionsFor(Endpoint endpoint, EndpointSetup setup) =>
        setup.HasDefaults || Options is { ModelId: not null } ? OptionsWithDefaults(endpoint) : Options;

    /// <summary>The estimate that the service makes on arrival: a quarter of the characters. At least 1, so that the call is charged.</summary>
    public TokenEstimate EstimateTokens()
    {
        long characters = Options?.Instructions?.Length ?? 0;
        foreach (ChatMessage message in Messages)
        {
            foreach (AIContent content in message.Contents)
            {
                characters += content is TextContent text ? text.Text.Length : 0;
            }
        }

        return new(1 + (characters / CharactersPerToken), Options?.MaxOutputTokens);
    }

    /// <summary>A hash that differs between different requests, to see whether two that were refused were different ones.</summary>
    public int Fingerprint()
    {
        HashCode hash = default;
        foreach (ChatMessage message in Messages)
        {
            hash.Add(message.Role);
            hash.Add(message.Contents.Count);
            hash.Add(message.Text, StringComparer.Ordinal);
        }

        return hash.ToHashCode();
    }

    private static IEnumerable<ChatMessage> Repeated(IEnumerable<ChatMessage> messages) =>
        messages is IReadOnlyCollection<ChatMessage> or ICollection<ChatMessage> ? messages : [.. messages];

    private ChatOptions? OptionsWithDefaults(Endpoint endpoint)
    {
        string? model = ModelFor(endpoint);
        float? temperature = Options?.Temperature is null ? endpoint.Temperature : null;
        int? maxOutputTokens = Options?.MaxOutputTokens is null ? endpoint.MaxOutputTokens : null;
        if (model is null && temperature is null && maxOutputTokens is null)
        {
            return Options;
        }

        ChatOptions copy = Options?.Clone() ?? new ChatOptions();
        copy.ModelId = model ?? copy.ModelId;
        copy.Temperature ??= temperature;
        copy.MaxOutputTokens ??= maxOutputTokens;
        return copy;
    }

    /// <summary>
    /// A v1 endpoint reads its deployment from the body, so the name there is always the endpoint's own. A classic one reads it from the path, and gets a model that is not mapped
    /// as the caller wrote it, as with the SDK's own client.
    /// </summary>
    private string? ModelFor(Endpoint endpoint) =>
        Options?.ModelId is { } model && endpoint.DeploymentName is { } deployment && model != deployment
        && (endpoint.Kind == EndpointKind.V1 || _modelIsMapped)
            ? deployment
            : null;
}
