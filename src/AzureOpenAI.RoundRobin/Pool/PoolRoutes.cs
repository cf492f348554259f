using System.Collections.Frozen;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Affinity;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Chat;
using AzureOpenAI.RoundRobin.Chat.Responses;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Telemetry;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Pool;

/// <summary>The loop for each call of a service tier by the pool's present configuration: that of its model, or of the client that keeps its conversation. Immutable.</summary>
internal sealed class PoolRoutes
{
    private readonly Balancer _balancer;
    private readonly PoolMembers _members;
    private readonly TierPickers _pickers;
    private readonly Endpoint[] _endpoints;
    private readonly CallLimits _limits;
    private readonly StateHomes _homes;
    private readonly ConversationRoutes? _conversations;
    /// <summary>Null unless calls keep to the endpoint that has their prompt in its cache.</summary>
    private readonly AffinityKeys? _affinityKeys;
    private readonly bool _mayPrefer;
    private readonly AttemptLoop _default;
    private readonly FrozenDictionary<string, AttemptLoop> _byModel;
    private readonly UnmappedModels _unmapped;
    private readonly Dictionary<string, PoolRoutes> _tiers = [];

    public PoolRoutes(Balancer balancer, PoolMembers members, PoolSettings settings, PoolLog log, PoolRoutes? before = null)
        : this(balancer, members, settings, log, before, tier: null)
    {
        foreach (string tier in members.Tiers.Keys)
        {
            _tiers.Add(tier, new PoolRoutes(balancer, members, settings, log, before?.Of(tier), tier));
        }
    }

    private PoolRoutes(Balancer balancer, PoolMembers members, PoolSettings settings, PoolLog log, PoolRoutes? before, string? tier)
    {
        (_balancer, _members, Settings) = (balancer, members, settings);
        _pickers = tier is null ? members.Standard : members.Tiers[tier];
        _endpoints = Array.FindAll(members.Endpoints, endpoint => endpoint.ServiceTier == tier);
        FallsBack = tier == ServiceTier.Flex && settings.FallBackFromFlex;
        _limits = new CallLimits
        {
            // It goes on elsewhere instead.
            MaxWait = FallsBack ? TimeSpan.Zero : settings.MaxWait,
            GoesOn = FallsBack ? FlexFallback.IsOut : null,
            MaxWaiting = settings.MaxWaiting,
            AttemptTimeout = settings.AttemptTimeout,
            FirstContentTimeout = settings.FirstContentTimeout,
            MaxAttempts = settings.MaxAttempts ?? int.MaxValue,
            Hook = settings.ClassifyException is { } classify ? new ExceptionHook(classify, log.ClassificationFailed) : null,
            GivenTransport = settings.HttpClient,
        };
        _homes = new StateHomes(_endpoints, before?._homes);
        _default = LoopOver(_pickers.Default);
        Dictionary<string, AttemptLoop> byModel = new(_pickers.ByModel.Count, StringComparer.OrdinalIgnoreCase);
        foreach ((string model, Picker picker) in _pickers.ByModel)
        {
            byModel.Add(model, LoopOver(picker, isMapped: true));
        }

        _byModel = byModel.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
        _unmapped = new UnmappedModels(settings, balancer.Time, log);
        ChatMetadata = PoolMetadata.OfChat(_pickers.Default.Endpoints);
        EmbeddingMetadata = PoolMetadata.OfEmbeddings(_pickers.Default.Endpoints);
        _affinityKeys = settings.Affinity == EndpointAffinity.PromptCache ? new AffinityKeys(settings.AffinityKey, log) : null;
        _conversations = settings.Affinity == EndpointAffinity.Conversation
            ? new ConversationRoutes(new AffinityKeys(settings.AffinityKey, log), before?._conversations?.Served ?? new())
            : null;
        _conversations?.Served.Keep(_endpoints);
        _mayPrefer = _homes.Any || _conversations is not null || _affinityKeys is not null;
    }

    public PoolSettings Settings { get; }

    public PoolMembers Members => _members;

    public ChatClientMetadata ChatMetadata { get; }

    public EmbeddingGeneratorMetadata EmbeddingMetadata { get; }

    /// <summary>Its calls go on to the standard tier where no endpoint takes them at once.</summary>
    public bool FallsBack { get; }

    /// <summary>The routes of a service tier; null for one that no call has asked for yet.</summary>
    public PoolRoutes? Of(string tier) => _tiers.GetValueOrDefault(tier);

    public AttemptLoop LoopFor(string? model)
    {
        if (model is null)
        {
            return _default;
        }

        if (_byModel.Count > 0 && _byModel.TryGetValue(model, out AttemptLoop? loop))
        {
            return loop;
        }

        _unmapped.Note(model);
        return _default;
    }

    /// <summary>A call of a conversation that one endpoint keeps goes to that endpoint only; any other call goes by its model.</summary>
    /// <exception cref="ConversationUnavailableException">That endpoint is not in the configuration.</exception>
    public AttemptLoop LoopFor(ChatOptions? options) => options is null ? _default : LoopOf(options);

    /// <inheritdoc cref="LoopFor(ChatOptions)"/>
    /// <param name="messages">The caller's messages.</param>
    /// <param name="options">The caller's options.</param>
    /// <param name="affinity">The key of the call's conversation; 0 where the call takes its turn.</param>
    public AttemptLoop LoopFor(IEnumerable<ChatMessage> messages, ChatOptions? options, out uint affinity)
    {
        AttemptLoop loop = LoopFor(options);
        affinity = 0;
        return _mayPrefer ? Preferring(loop, messages, options, out affinity) : loop;
    }

    /// <summary>A call with reasoning that only its maker can read begins there, and a later turn of a conversation where the first was answered, if that is free to take it.</summary>
    private AttemptLoop Preferring(AttemptLoop loop, IEnumerable<ChatMessage> messages, ChatOptions? options, out uint affinity)
    {
        (Endpoint? home, Action<Endpoint>? answered) = (null, null);
        affinity = 0;
        if (!loop.Picker.HasAlternatives)
        {
            return loop;
        }

        affinity = _affinityKeys?.Of(messages, options) ?? 0;
        _conversations?.Find(messages, options, loop.Picker, out home, out answered);
        if (_homes.Any && SealedReasoning.MakerOf(messages) is { } mark)
        {
            home = AtResource(loop.Picker.Endpoints, mark.Resource) ?? home;
        }

        return home is null && answered is null
            ? loop
            : LoopOver(loop.Picker, loop.IsMapped, new() { Preferred = home is null ? null : _pickers.ByOwner[home], Answered = answered });
    }

    private static Endpoint? AtResource(Endpoint[] endpoints, string resource) => Array.Find(endpoints, endpoint => endpoint.Mark?.Resource == resource);

    private AttemptLoop LoopOver(Picker picker, bool isMapped = false, CallDirection? direction = null) => new(_balancer, picker, _limits, isMapped) { Direction = direction };

    private AttemptLoop LoopOf(ChatOptions options)
    {
        AttemptLoop loop = LoopFor(options.ModelId);
        if (options is { ConversationId: null, ContinuationToken: null })
        {
            return loop;
        }

        if (StateHomes.MarkOf(options) is { } mark)
        {
            Endpoint home = _homes.Find(mark, loop.Picker.Endpoints);
            return Alone(home, polls: options.ContinuationToken is not null);
        }

        return StateHomes.IdOf(options) is { } id && _members.Conversations?.Find(id) is { } maker ? LoopOf(maker, loop, polls: options.ContinuationToken is not null) : loop;
    }

    /// <summary>The loop of a call about something that one endpoint keeps, by its id, and not about an answer of the model.</summary>
    /// <param name="id">The id, with the mark of the endpoint.</param>
    /// <param name="own">The id as the service knows it.</param>
    /// <exception cref="ConversationUnavailableException">That endpoint is not in the configuration.</exception>
    /// <exception cref="ArgumentException">The id has no mark, and is not known otherwise.</exception>
    public AttemptLoop LoopOfId(string id, out string own) => Alone(HomeOf(id, out own), polls: true);

    /// <summary>The endpoint that keeps what an id names.</summary>
    /// <inheritdoc cref="LoopOfId"/>
    public Endpoint HomeOf(string id, out string own) =>
        EndpointMark.Read(id, out own) is { } mark ? _homes.Find(mark, [])
        : _members.Conversations?.Find(id) is { } maker && Array.Find(_endpoints, endpoint => endpoint is { IsSdkBacked: true, Mark: not null } && endpoint.ChatClient == maker) is { } owner ? owner
        : throw new ArgumentException("The id has no mark of an endpoint. Ids of answers have one, if MarkIds is on; mark others with PooledClient.MarkId where the service returns them.", nameof(id));

    private AttemptLoop Alone(Endpoint home, bool polls) => LoopOver(_pickers.ByOwner[home], isMapped: true, polls ? new() { Polled = home } : null);

    /// <summary>
    /// The loop of that client alone, at the deployment of the call's model. If the client does not map the model, it is asked for the model as the caller wrote it. If the
    /// client has left the configuration, no endpoint knows the conversation, and the call goes by its model.
    /// </summary>
    private AttemptLoop LoopOf(IChatClient maker, AttemptLoop loop, bool polls)
    {
        Endpoint? member = Array.Find(loop.Picker.Endpoints, endpoint => endpoint.ChatClient == maker);
        return (member ?? Array.Find(_endpoints, endpoint => endpoint.ChatClient == maker)) is { } endpoint && _pickers.ByOwner.TryGetValue(endpoint, out Picker? alone)
            ? LoopOver(alone, isMapped: member is not null && loop.IsMapped, polls ? new() { Polled = endpoint } : null)
            : loop;
    }
}
