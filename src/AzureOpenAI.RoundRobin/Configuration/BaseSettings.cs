using AzureOpenAI.RoundRobin.Configuration.Rules;
using AzureOpenAI.RoundRobin.Configuration.Sources;

namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>The settings of endpoints that have none of their own.</summary>
internal sealed class BaseSettings
{
    private readonly string _askedName;
    private readonly string? _scopeName;
    private readonly (string Name, string Fault)? _wrongApi;

    public BaseSettings(RoundRobinOptions options, Registration registration, Variables variables, SectionSource? section)
    {
        (Asked, _askedName) = (TextRules.Clean(options.DeploymentName), nameof(options.DeploymentName));
        Insists = registration.InsistsOnDeployment;
        if (!registration.ForEmbeddings)
        {
            LastResort = variables.Find(VariableNames.Deployment);
        }
        else if (Asked is null)
        {
            // An endpoint's own deployment may be one for chat, which makes no embeddings, so this variable counts like code and takes precedence.
            (Asked, _askedName) = (variables.Find(VariableNames.EmbeddingDeployment), VariableNames.EmbeddingDeployment);
        }

        if (options.Api is null && variables.Find(VariableNames.Api) is { } text)
        {
            Api = ApiNames.Read(text, out string? fault) ?? EndpointApi.Chat;
            _wrongApi = fault is null ? null : (VariableNames.Api, fault);
        }
        else
        {
            Api = options.Api ?? EndpointApi.Chat;
            _wrongApi = ApiNames.Fault(options.Api) is { } undefined ? (nameof(options.Api), undefined) : null;
        }

        ApiVersion = TextRules.Clean(options.ApiVersion);
        ApiVersionName = ApiVersion is null ? VariableNames.ApiVersion : nameof(options.ApiVersion);
        ApiVersion ??= variables.Find(VariableNames.ApiVersion);
        (CredentialScope, _scopeName) = TextRules.Clean(options.CredentialScope) is { } scope ? (scope, nameof(options.CredentialScope)) : section?.CredentialScope ?? default;
    }

    /// <summary>The deployment or model that the registration names.</summary>
    public string? Asked { get; }

    /// <summary>Whether <see cref="Asked"/> takes precedence over an endpoint's own deployment.</summary>
    public bool Insists { get; }

    /// <summary>The deployment where nothing else gives one.</summary>
    public string? LastResort { get; }

    /// <summary>The API of endpoints that name none.</summary>
    public EndpointApi Api { get; }

    public string? ApiVersion { get; }

    /// <summary>Null where each endpoint's cloud decides.</summary>
    public string? CredentialScope { get; }

    private string ApiVersionName { get; }

    /// <param name="findings">Collects faults.</param>
    /// <param name="inPath">Whether a deployment can become part of a path.</param>
    public void Check(Findings findings, bool inPath)
    {
        Check(_askedName, Asked is null ? null : TextRules.Deployment(Asked, inPath));
        Check(VariableNames.Deployment, LastResort is null ? null : TextRules.Deployment(LastResort, inPath));
        Check(_wrongApi?.Name, _wrongApi?.Fault);
        Check(ApiVersionName, ApiVersion is null ? null : TextRules.ApiVersion(ApiVersion));
        Check(_scopeName, CredentialScope is null ? null : TextRules.Scope(CredentialScope));

        void Check(string? name, string? fault)
        {
            if (fault is not null)
            {
                findings.Fault($"{name} {fault}");
            }
        }
    }
}
