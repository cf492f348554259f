using System.Security.Cryptography;
using System.Text;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>The ids by which other processes know an endpoint. A pure function of its address, its deployment and its key.</summary>
/// <param name="Deployment">Its deployment, with the API that chat calls speak there and the service tier, since each has a health of its own.</param>
/// <param name="Resource">Its resource, whatever the key.</param>
/// <param name="Key">Its resource with this key: while keys are rotated, only processes with the same one may be told that it is refused. Null where there is a credential, whose
/// tokens each process gets for itself.</param>
/// <param name="Pace">The pace of its deployment.</param>
internal sealed record EndpointIds(EndpointId Deployment, EndpointId Resource, EndpointId? Key, EndpointId Pace)
{
    private const int FingerprintBytes = 4;

    /// <summary>Null for a ready-made client, whose address is not known.</summary>
    public static Lazy<EndpointIds>? Of(EndpointSettings entry, string? deployment, string? tier) => entry.Address is not { } address ? null : new(() => new(
        EndpointId.Of(address, "deployment", deployment?.ToLowerInvariant() ?? "", entry.Api.ToString(), tier ?? ""),
        EndpointId.Of(address, "resource"),
        entry.ApiKey is { } key ? EndpointId.Of(address, "key", FingerprintOf(key)) : null,
        EndpointId.Of(address, "pace", deployment?.ToLowerInvariant() ?? "", entry.Api.ToString(), tier ?? "")));

    /// <summary>What an outcome concerns: the deployment, the resource or the key; null where other processes are not concerned.</summary>
    public EndpointId? Of(OutcomeKind kind) => kind switch
    {
        OutcomeKind.CredentialRefused => Key,
        OutcomeKind.Unreachable or OutcomeKind.Failed or OutcomeKind.BrokenAnswer => Resource,
        _ => Deployment,
    };

    /// <summary>So few bytes that they fit many keys.</summary>
    private static string FingerprintOf(string key) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(key)).AsSpan(0, FingerprintBytes));
}
