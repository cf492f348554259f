using System.Text.Json;
using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Pool;

/// <summary>Finds the endpoint whose mark an id has. Immutable.</summary>
internal sealed class StateHomes
{
    private readonly Dictionary<EndpointMark, Endpoint>? _byMark;
    private readonly Dictionary<string, Endpoint> _byResource = new(StringComparer.Ordinal);

    /// <summary>The names of all endpoints that the pool has had.</summary>
    private readonly Dictionary<string, string> _names;

    public StateHomes(IEnumerable<Endpoint> endpoints, StateHomes? before)
    {
        _names = new(before?._names ?? [], StringComparer.Ordinal);
        foreach (Endpoint endpoint in endpoints)
        {
            if (endpoint.Mark is { } mark)
            {
                (_byMark ??= []).TryAdd(mark, endpoint);
                _byResource.TryAdd(mark.Resource, endpoint);
                _names[mark.Resource] = endpoint.Name;
            }
        }
    }

    /// <summary>Whether any endpoint keeps anything under a mark.</summary>
    public bool Any => _byMark is not null;

    /// <summary>The mark of what a call goes on with; null for a call that begins anew, or with an id that has none.</summary>
    public static EndpointMark? MarkOf(ChatOptions options) =>
        (options.ContinuationToken is { } token ? EndpointMark.Read(token, out _) : null)
        ?? (options.ConversationId is { } id ? EndpointMark.Read(id, out _) : null);

    /// <summary>The unmarked id of what a call goes on with: of a job that is the response, which the SDK's token names.</summary>
    public static string? IdOf(ChatOptions options)
    {
        if (options.ConversationId is not null || options.ContinuationToken is not { } token)
        {
            return options.ConversationId;
        }

        try
        {
            using JsonDocument said = JsonDocument.Parse(token.ToBytes());
            return said.RootElement.ValueKind == JsonValueKind.Object && said.RootElement.TryGetProperty("responseId"u8, out JsonElement response) && response.ValueKind == JsonValueKind.String
                ? response.GetString()
                : null;
        }
        catch (JsonException)
        {
            // A token of another client, which knows what it says.
            return null;
        }
    }

    /// <summary>The endpoint of a mark: of those that answer the call's model if one is at the resource, with the same deployment if there is one.</summary>
    /// <param name="mark">The mark.</param>
    /// <param name="answering">The endpoints that answer the call's model.</param>
    /// <exception cref="ConversationUnavailableException">No endpoint of that resource is in the configuration.</exception>
    public Endpoint Find(EndpointMark mark, Endpoint[] answering) =>
        Array.Find(answering, endpoint => endpoint.Mark == mark)
        ?? Array.Find(answering, endpoint => endpoint.Mark?.Resource == mark.Resource)
        ?? _byMark?.GetValueOrDefault(mark)
        ?? _byResource.GetValueOrDefault(mark.Resource)
        ?? throw Gone(mark);

    private ConversationUnavailableException Gone(EndpointMark mark)
    {
        string? name = _names.GetValueOrDefault(mark.Resource);
        string kept = name is null ? $"an endpoint that this pool has never had (mark {mark})" : $"endpoint '{name}', which is not in the configuration any more";
        return new($"The conversation is kept by {kept}, and no other endpoint knows it. Add the endpoint again, or begin a new conversation with its messages.", name);
    }
}
