using System.Collections.Frozen;
using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.AI;
using OpenAI;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>Builds a pool's endpoints from its settings: each resource once, each deployment there once, and the groups that answer each model.</summary>
internal sealed class PoolMembers
{
    private readonly PoolSettings _settings;
    private readonly HttpClient? _transport;
    private readonly TimeProvider _time;
    private readonly Func<double> _jitter;
    private readonly Dictionary<(Uri?, object), (Resource Resource, OpenAIClient? Client)> _resources = [];
    private readonly Dictionary<(Resource, string?), Endpoint> _endpoints = [];

    /// <param name="settings">What to build.</param>
    /// <param name="transport">Carries every request; null if there are ready-made clients only.</param>
    /// <param name="time">The source of all time.</param>
    /// <param name="start">Where each cursor starts.</param>
    /// <param name="jitter">A random number from 0 to 1, for cooldowns.</param>
    public PoolMembers(PoolSettings settings, HttpClient? transport, TimeProvider time, uint start, Func<double> jitter)
    {
        (_settings, _transport, _time, _jitter) = (settings, transport, time, jitter);
        bool hasHomes = settings.Affinity == EndpointAffinity.PromptCache;
        Conversations = settings.Endpoints.Count > 1 && settings.Endpoints.Any(static entry => entry.ChatClient is not null) ? new() : null;
        Default = new([.. settings.Endpoints.Select(entry => GetOrAdd(entry, entry.Deployment))], time, start, hasHomes);
        ByModel = settings.Endpoints
            .SelectMany(entry => entry.Deployments.Keys)
            .Distinct(StringComparer.OrdinalIgnoreCase)
            .ToFrozenDictionary(model => model, model => new EndpointGroup([.. For(model).Distinct()], time, start, hasHomes), StringComparer.OrdinalIgnoreCase);
        Endpoints = [.. _endpoints.Values];
        Alone = Endpoints.Where(static endpoint => endpoint.Conversations is not null).ToFrozenDictionary(endpoint => endpoint, endpoint => new EndpointGroup([endpoint], time, start));
    }

    public Endpoint[] Endpoints { get; }

    /// <summary>For calls that name no model, or one that nobody maps.</summary>
    public EndpointGroup Default { get; }

    public FrozenDictionary<string, EndpointGroup> ByModel { get; }

    /// <summary>Who made which conversation; null where no client keeps any, or where there is only one.</summary>
    public ConversationMakers? Conversations { get; }

    /// <summary>For calls of a conversation that one ready-made client keeps: that one, with a line of its own.</summary>
    public FrozenDictionary<Endpoint, EndpointGroup> Alone { get; }

    /// <summary>
    /// Two entries of one resource can lead to the same deployment there, which then stands here twice.
    /// An endpoint that does not map a model which others do would answer with another one, so it is left out, unless the name is its own
    /// deployment's; or is a ready-made client's own affair, since it names none.
    /// </summary>
    private IEnumerable<Endpoint> For(string model)
    {
        foreach (EndpointSettings entry in _settings.Endpoints)
        {
            if (entry.Deployments.TryGetValue(model, out string? deployment))
            {
                yield return GetOrAdd(entry, deployment);
            }
            else if (entry is { Kind: EndpointKind.ReadyMade, Deployment: null } || string.Equals(entry.Deployment, model, StringComparison.OrdinalIgnoreCase))
            {
                yield return GetOrAdd(entry, entry.Deployment);
            }
        }
    }

    private Endpoint GetOrAdd(EndpointSettings entry, string? deployment)
    {
        (Resource resource, OpenAIClient? client) = ResourceOf(entry);
        if (!_endpoints.TryGetValue((resource, deployment), out Endpoint? endpoint))
        {
            bool isDefault = deployment == entry.Deployment;
            IChatClient? chat = entry.ChatClient ?? client?.GetChatClient(deployment).AsIChatClient();
            endpoint = new(entry.Name, entry.Kind, resource, new Health(_time, _jitter), chat)
            {
                Client = client,
                EmbeddingGenerator = entry.EmbeddingGenerator ?? client?.GetEmbeddingClient(deployment).AsIEmbeddingGenerator(),
                // Limits are those of the endpoint's own deployment; what others take is learned.
                Hints = new(_time, deployment),
                Capacity = isDefault ? new(_time, entry.RequestsPerMinute, entry.TokensPerMinute) : new(_time),
                DeploymentName = deployment,
                Temperature = isDefault ? entry.Temperature : _settings.Temperature,
                MaxOutputTokens = isDefault ? entry.MaxOutputTokens : _settings.MaxOutputTokens,
                Seed = RendezvousOrder.SeedOf(entry.Name, deployment),
                Weight = entry.Weight,
                Priority = entry.Priority,
                Conversations = entry.ChatClient is not null ? Conversations : null,
            };
            _endpoints.Add((resource, deployment), endpoint);
        }

        return endpoint;
    }

    private (Resource Resource, OpenAIClient? Client) ResourceOf(EndpointSettings entry)
    {
        (Uri?, object) identity = (entry.Address, (object?)entry.ApiKey ?? (object?)entry.Credential ?? entry);
        if (!_resources.TryGetValue(identity, out (Resource, OpenAIClient?) resource))
        {
            resource = (new Resource(entry.Name, _time, _jitter), entry.Kind == EndpointKind.ReadyMade ? null : EndpointClients.Create(entry, _transport!, _time));
            _resources.Add(identity, resource);
        }

        return resource;
    }
}
