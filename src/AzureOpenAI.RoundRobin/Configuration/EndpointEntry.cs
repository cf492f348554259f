using System.Diagnostics;
using Azure.Core;
using AzureOpenAI.RoundRobin.Configuration.Rules;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>One endpoint as it was written, from any source: blanks are trimmed, and nothing is validated yet.</summary>
[DebuggerDisplay("{ToString(),nq}")]
internal sealed class EndpointEntry
{
    private HashSet<EntryField>? _unreadable;
    private Dictionary<EntryField, string>? _meant;
    private HashSet<EntryField>? _inCode;
    private HashSet<EntryField>? _inData;

    /// <param name="place">Its position, from 1.</param>
    /// <param name="isData">Whether messages use the names of the data, not those of the properties.</param>
    public EndpointEntry(int place, bool isData) => (Place, IsData) = (place, isData);

    public int Place { get; }

    public bool IsData { get; }

    public string? Name { get; set; }

    public Uri? Address
    {
        get;
        set => (field, Target) = (value, value is null ? null : TargetAddress.Read(value));
    }

    /// <summary>What <see cref="Address"/> says.</summary>
    public TargetAddress? Target { get; private set; }

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    public string? ApiKey { get; set; }

    public TokenCredential? Credential { get; init; }

    public IChatClient? ChatClient { get; init; }

    public IEmbeddingGenerator<string, Embedding<float>>? EmbeddingGenerator { get; init; }

    /// <summary>From a list of clients, where the same client twice is intended.</summary>
    public bool MayRepeat { get; init; }

    public string? Deployment { get; set; }

    /// <summary>The name in data, of its two, under which the deployment was given.</summary>
    public EntryField DeploymentField { get; set; } = EntryField.Deployment;

    public Dictionary<string, string> Deployments { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Null where it says nothing of it, until <see cref="Decide"/>.</summary>
    public EndpointApi? Api { get; set; }

    public string? ApiVersion { get; set; }

    public float? Temperature { get; set; }

    public int? MaxOutputTokens { get; set; }

    public int Weight { get; set; } = 1;

    public int Priority { get; set; }

    public int? RequestsPerMinute { get; set; }

    public int? TokensPerMinute { get; set; }

    public EndpointKind Kind =>
        ChatClient is not null || EmbeddingGenerator is not null ? EndpointKind.ReadyMade
        : Target?.Kind ?? EndpointKind.Classic;

    /// <summary>What it says itself, beside its address or in it.</summary>
    public string? OwnDeployment => Deployment ?? (Kind == EndpointKind.ReadyMade ? null : Target?.Deployment);

    public string? OwnApiVersion => ApiVersion ?? Target?.ApiVersion;

    /// <summary>Whether a missing deployment is a fault; false where one was given and could not be read, which is a fault of its own.</summary>
    public bool NeedsDeployment =>
        Kind != EndpointKind.ReadyMade && !IsUnreadable(EntryField.Deployment) && !IsUnreadable(EntryField.Model);

    /// <summary>The host in a ready-made client's metadata, if there is one.</summary>
    public Uri? ProviderAddress =>
        ProviderUri is { IsAbsoluteUri: true, Host.Length: > 0 } address ? address : null;

    private Uri? ProviderUri =>
        (ChatClient?.GetService(typeof(ChatClientMetadata)) as ChatClientMetadata)?.ProviderUri
        ?? (EmbeddingGenerator?.GetService(typeof(EmbeddingGeneratorMetadata)) as EmbeddingGeneratorMetadata)?.ProviderUri;

    public static EndpointEntry FromCode(EndpointOptions options, int place)
    {
        EndpointEntry entry = new(place, isData: false)
        {
            Name = TextRules.Clean(options.Name),
            Address = options.Endpoint,
            ApiKey = TextRules.Clean(options.ApiKey),
            Credential = options.Credential,
            ChatClient = options.ChatClient,
            EmbeddingGenerator = options.EmbeddingGenerator,
            Deployment = TextRules.Clean(options.DeploymentName),
            Api = options.Api,
            ApiVersion = TextRules.Clean(options.ApiVersion),
            Temperature = options.Temperature,
            MaxOutputTokens = options.MaxOutputTokens,
            Weight = options.Weight,
            Priority = options.Priority,
            RequestsPerMinute = options.RequestsPerMinute,
            TokensPerMinute = options.TokensPerMinute,
        };
        foreach ((string model, string deployment) in options.Deployments)
        {
            entry.Deployments[model.Trim()] = TextRules.Clean(deployment) ?? string.Empty;
        }

        return entry;
    }

    /// <summary>Takes the API of the pool where the entry has none, and completes the address for it. A ready-made client speaks what it speaks.</summary>
    /// <param name="common">The API of the pool.</param>
    /// <param name="forChat">Whether it is asked for chat. Embeddings do not depend on the API.</param>
    public void Decide(EndpointApi common, bool forChat)
    {
        if (Kind != EndpointKind.ReadyMade)
        {
            Api = forChat ? Api ?? common : EndpointApi.Chat;
            Target = Address is null ? null : TargetAddress.Read(Address, Api.Value);
        }
    }

    /// <summary>The name of <paramref name="field"/> in the source that the user wrote.</summary>
    public string NameOf(EntryField field) =>
        IsData && _inCode?.Contains(field) is not true && (_inCode is null || _inData?.Contains(field) is true) ? field.InData() : field.InCode();

    /// <summary>Whether data have <paramref name="field"/> by both of its names.</summary>
    public bool HasBothNamesOf(EntryField field) => _inCode?.Contains(field) is true && _inData?.Contains(field) is true;

    /// <summary>Notes by which of its names data have <paramref name="field"/>.</summary>
    public void MarkWritten(EntryField field, string name)
    {
        (bool isInData, bool isInCode) = (Is(field.InData()), Is(field.InCode()));
        if (isInData && !isInCode)
        {
            (_inData ??= []).Add(field);
        }
        else if (isInCode && !isInData)
        {
            (_inCode ??= []).Add(field);
        }

        bool Is(string other) => string.Equals(name, other, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Notes that an unknown name may mean <paramref name="field"/>.</summary>
    public void MarkMeant(EntryField field, string name) => (_meant ??= [])[field] = name;

    /// <returns>What an unknown name says about a <paramref name="field"/> that is missing, or null.</returns>
    public string? Meant(EntryField field) =>
        _meant?.TryGetValue(field, out string? name) is true ? $"the name '{name}' is unknown; did you mean {NameOf(field)}?" : null;

    /// <summary>Notes that <paramref name="field"/> was given but could not be read, so that it does not count as missing.</summary>
    public void MarkUnreadable(EntryField field) => (_unreadable ??= []).Add(field);

    public bool IsUnreadable(EntryField field) => _unreadable?.Contains(field) is true;

    public override string ToString() => Findings.Label(this);
}
