using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Chat.Responses;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Telemetry;
using AzureOpenAI.RoundRobin.Transport;
using Microsoft.Extensions.AI;
using OpenAI;

namespace AzureOpenAI.RoundRobin.Pool;

/// <summary>
/// Builds a pool's members from its settings: one object for each resource, one for each of its deployments, and one picker for each model. Resources and endpoints of the
/// members before keep their objects, and so their state; a client is new only where the key, the api-version or the transport is.
/// </summary>
internal sealed class PoolAssembly
{
    private readonly PoolSettings _settings;
    private readonly HttpClient? _transport;
    private readonly TimeProvider _time;
    private readonly PoolLog _log;
    private readonly uint _start;
    private readonly Func<double> _jitter;
    private readonly PoolMembers? _before;
    private readonly CallCount _calls;
    private readonly OrderedDictionary<object, PooledResource> _resources = [];
    private readonly Dictionary<PooledResource, PooledResource> _was;
    private readonly ConversationOwners? _conversations;
    private readonly Dictionary<Identity, Endpoint> _old;
    private readonly Dictionary<Identity, Endpoint> _endpoints = [];
    private readonly OrderedDictionary<Endpoint, EndpointSetup> _setups = [];
    private readonly OrderedDictionary<Picker, Endpoint[]> _pickers = [];

    /// <param name="settings">The configuration.</param>
    /// <param name="transport">The transport of SDK-backed clients; null if all are ready-made.</param>
    /// <param name="time">The source of all time.</param>
    /// <param name="log">The pool's log.</param>
    /// <param name="start">The start of each cursor.</param>
    /// <param name="jitter">A random number from 0 to 1, for cooldowns.</param>
    /// <param name="before">The members so far; null for a new pool.</param>
    public PoolAssembly(PoolSettings settings, HttpClient? transport, TimeProvider time, PoolLog log, uint start, Func<double> jitter, PoolMembers? before = null)
    {
        (_settings, _transport, _time, _log, _start, _jitter, _before) = (settings, transport, time, log, start, jitter, before);
        _calls = before?.Calls ?? new();
        _old = (before?.Endpoints ?? []).ToDictionary(static old => new Identity(old.Resource, old.DeploymentName, old.Api, old.ServiceTier));
        foreach (EndpointSettings entry in settings.Endpoints)
        {
            if (!_resources.TryAdd(PooledResource.IdentityOf(entry), new(entry) { Transport = transport }, out int index))
            {
                _resources.GetAt(index).Value.Add(entry);
            }
        }

        _was = PooledResource.Match([.. _resources.Values], before?.Resources ?? [], created => new(created.First.Name, time, jitter));
        // Also for a single ready-made client: a later configuration may add others, which do not know the conversations that it keeps.
        _conversations = settings.Endpoints.Any(entry => entry.ChatClient is not null || KeepsUnmarked(entry)) ? before?.Conversations ?? new() : null;
    }

    /// <param name="tiers">The service tiers that calls have asked for, besides the standard one.</param>
    public PoolMembers Build(IReadOnlyCollection<string> tiers)
    {
        TierPickers standard = PickersOf(null, _before?.Standard);
        Dictionary<string, TierPickers> others = tiers.ToDictionary(static tier => tier, tier => PickersOf(tier, _before?.Tiers.GetValueOrDefault(tier)));
        return new PoolMembers(_setups, [.. _resources.Values], _pickers, _calls)
        {
            Default = standard.Default,
            ByModel = standard.ByModel,
            ByOwner = standard.ByOwner,
            Tiers = others,
            Conversations = _conversations,
            HasHomes = _settings.Affinity == EndpointAffinity.PromptCache,
        };
    }

    private TierPickers PickersOf(string? tier, TierPickers? before)
    {
        Endpoint[] all = [.. _settings.EndpointsOfTheApi.Select(entry => GetOrAdd(entry, entry.Deployment, tier))];
        Dictionary<string, Endpoint[]> byModel = _settings.Endpoints
            .SelectMany(static entry => entry.Deployments.Keys)
            .Distinct(StringComparer.OrdinalIgnoreCase)
            .ToDictionary(model => model, model => For(model, tier).Distinct().ToArray(), StringComparer.OrdinalIgnoreCase);
        Dictionary<Endpoint, Picker> alone = [];
        foreach ((Endpoint endpoint, EndpointSetup setup) in _setups)
        {
            if (endpoint.ServiceTier == tier && (setup.Conversations is not null || endpoint.Mark is not null || _settings.Affinity == EndpointAffinity.Conversation))
            {
                alone.Add(endpoint, PickerOf(before?.ByOwner.GetValueOrDefault(endpoint), [endpoint]));
            }
        }

        Picker main = PickerOf(before?.Default, all);
        Dictionary<string, Picker> pickers = new(byModel.Count, StringComparer.OrdinalIgnoreCase);
        foreach ((string model, Endpoint[] answering) in byModel)
        {
            pickers.Add(model, PickerOf(before?.ByModel.GetValueOrDefault(model), answering));
        }

        return new TierPickers(main, pickers.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase), alone.ToFrozenDictionary());
    }

    private Picker PickerOf(Picker? before, Endpoint[] endpoints)
    {
        Picker picker = before ?? new(_time, _start, _calls);
        _pickers.Add(picker, endpoints);
        return picker;
    }

    /// <summary>
    /// The endpoints that answer a model that some entry maps. An entry that does not map it would answer with another model, so it is left out, with two exceptions: its own
    /// deployment has the model's name, or it is a ready-made client without a deployment's name. An endpoint can be in the result twice, by two entries of one resource.
    /// </summary>
    private IEnumerable<Endpoint> For(string model, string? tier)
    {
        foreach (EndpointSettings entry in _settings.Endpoints)
        {
            if (entry.Deployments.TryGetValue(model, out string? deployment))
            {
                yield return GetOrAdd(entry, deployment, tier);
            }
            else if (entry is { Kind: EndpointKind.ReadyMade, Deployment: null } || string.Equals(entry.Deployment, model, StringComparison.OrdinalIgnoreCase))
            {
                yield return GetOrAdd(entry, entry.Deployment, tier);
            }
        }
    }

    private Endpoint GetOrAdd(EndpointSettings entry, string? deployment, string? tier)
    {
        PooledResource resource = _resources[PooledResource.IdentityOf(entry)];
        EndpointApi api = entry.ChatClient is { } readyMade ? SpokenBy(readyMade) : entry.Api;
        Identity identity = new(resource.Resource, deployment, api, tier);
        if (!_endpoints.TryGetValue(identity, out Endpoint? endpoint))
        {
            // Built before those of the other tiers.
            Endpoint? standard = tier is null ? null : _endpoints[identity with { Tier = null }];
            endpoint = _old.GetValueOrDefault(identity);
            EndpointMark? mark = entry is { Address: { } address, Api: EndpointApi.Responses } ? EndpointMark.Of(address, deployment) : null;
            EndpointSetup setup = standard is null ? Setup(entry, deployment, mark, resource, endpoint?.Setup)
                : _setups[standard] with { Name = $"{_setups[standard].Name} ({tier})", EntryName = _setups[standard].Name, LazyIds = IdsOf(entry, deployment, tier, _setups[standard].Client, endpoint?.Setup) };
            endpoint ??= new(entry.Kind, resource.Resource, new HealthState(_time, _jitter), deployment, setup)
            {
                Api = api,
                Mark = mark,
                ServiceTier = tier,
                Hints = new(_time, deployment),
                Capacity = new(_time, standard?.Capacity.Configured),
            };
            _endpoints.Add(identity, endpoint);
            _setups.Add(endpoint, setup);
        }

        return endpoint;
    }

    /// <summary>The SDK's adapter says what it is made of, through whatever stands in front of it.</summary>
    private static EndpointApi SpokenBy(IChatClient client) => SdkClients.IsOfResponses(client) ? EndpointApi.Responses : EndpointApi.Chat;

    /// <summary>Its ids are noted here, in this process only.</summary>
    private bool KeepsUnmarked(EndpointSettings entry) => entry.Api == EndpointApi.Responses && !_settings.MarkIds;

    private EndpointSetup Setup(EndpointSettings entry, string? deployment, EndpointMark? mark, PooledResource resource, EndpointSetup? before)
    {
        bool isDefault = deployment == entry.Deployment;
        OpenAIClient? client = entry.Kind == EndpointKind.ReadyMade ? null : ClientOf(entry, resource);
        bool isSame = client is not null && before?.Client == client && before!.MarksIds == _settings.MarkIds;
        return new()
        {
            Name = entry.Name,
            Client = client,
            ChatClient = entry.ChatClient ?? (isSame ? before!.ChatClient : client is null ? null : ChatClientOf(client, entry.Api, entry.Name, deployment, mark)),
            EmbeddingGenerator = entry.EmbeddingGenerator ?? (isSame ? before!.EmbeddingGenerator : client?.GetEmbeddingClient(deployment).AsIEmbeddingGenerator()),
            Temperature = isDefault ? entry.Temperature : _settings.Temperature,
            MaxOutputTokens = isDefault ? entry.MaxOutputTokens : _settings.MaxOutputTokens,
            Weight = entry.Weight,
            Priority = entry.Priority,
            // The configured limits are those of the endpoint's own deployment; the limits of mapped ones are learned.
            RequestsPerMinute = isDefault ? entry.RequestsPerMinute : null,
            TokensPerMinute = isDefault ? entry.TokensPerMinute : null,
            LazyIds = IdsOf(entry, deployment, tier: null, client, before),
            MarksIds = _settings.MarkIds,
            Conversations = entry.ChatClient is not null || KeepsUnmarked(entry) ? _conversations : null,
        };
    }

    private static Lazy<EndpointIds>? IdsOf(EndpointSettings entry, string? deployment, string? tier, OpenAIClient? client, EndpointSetup? before) =>
        client is not null && client == before?.Client ? before.LazyIds : EndpointIds.Of(entry, deployment, tier);

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The SDK's clients hold nothing to dispose of.")]
    private IChatClient ChatClientOf(OpenAIClient client, EndpointApi api, string name, string? deployment, EndpointMark? mark)
    {
        IChatClient chat = SdkClients.Chat(client, api, deployment);
        return mark is { } marked ? new MarkedChatClient(new SealedChatClient(chat, marked, _settings.MarkIds, () => _log.ReasoningLeftOut(name)), marked, _settings.MarkIds) : chat;
    }

    private OpenAIClient ClientOf(EndpointSettings entry, PooledResource resource)
    {
        string version = entry.ApiVersion ?? "";
        if (!resource.Clients.TryGetValue(version, out OpenAIClient? client))
        {
            bool isSame = _was.TryGetValue(resource, out PooledResource? before) && before.HasSameSecret(resource) && before.Transport == _transport;
            client = isSame && before!.Clients.TryGetValue(version, out OpenAIClient? old) ? old : SdkClients.Create(entry, _transport!, _time);
            resource.Clients.Add(version, client);
        }

        return client;
    }

    /// <summary>What makes an endpoint the same one.</summary>
    private sealed record Identity(Resource Resource, string? Deployment, EndpointApi Api, string? Tier);
}
