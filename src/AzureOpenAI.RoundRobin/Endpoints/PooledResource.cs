using AzureOpenAI.RoundRobin.Configuration;
using OpenAI;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>
/// A resource with its entries in the configuration. Decides which resource of the old configuration a resource of a new one is.
/// </summary>
internal sealed class PooledResource(EndpointSettings first)
{
    private readonly List<EndpointSettings> _entries = [first];

    public EndpointSettings First { get; } = first;

    public IReadOnlyList<EndpointSettings> Entries => _entries;

    public Resource Resource { get; private set; } = null!;

    /// <summary>The SDK client for each api-version that its entries name.</summary>
    public Dictionary<string, OpenAIClient> Clients { get; } = new(StringComparer.Ordinal);

    /// <summary>The transport of the clients.</summary>
    public HttpClient? Transport { get; init; }

    /// <summary>A key or a credential; null for a ready-made client or generator.</summary>
    private object? Secret => (object?)First.ApiKey ?? First.Credential;

    /// <summary>Entries with the same address and key share a resource; each ready-made client or generator is a resource of its own.</summary>
    public static object IdentityOf(EndpointSettings entry) => new Identity(entry.Address, (object?)entry.ApiKey ?? (object?)entry.Credential ?? entry);

    public void Add(EndpointSettings entry) => _entries.Add(entry);

    public bool HasSameSecret(PooledResource other) => Secret is null && other.Secret is null
        ? HasSameReadyMade(other)
        : Equals(Secret, other.Secret) && First.CredentialScope == other.First.CredentialScope;

    /// <summary>
    /// Finds for each resource the one that it was before: at the same address with the same key, else with an entry of the same name, else with the same deployment, else any
    /// that is left at the address. A ready-made client or generator is the same only if it is the same object.
    /// </summary>
    /// <param name="resources">The resources of the new configuration; each gets its <see cref="Resource"/>.</param>
    /// <param name="before">The resources of the old one.</param>
    /// <param name="create">Creates a resource that was not there before.</param>
    /// <returns>The old resource of each new one that has one.</returns>
    public static Dictionary<PooledResource, PooledResource> Match(IReadOnlyList<PooledResource> resources, IEnumerable<PooledResource> before, Func<PooledResource, Resource> create)
    {
        Func<PooledResource, PooledResource, bool>[] alike =
        [
            static (now, then) => now.HasSameSecret(then),
            static (now, then) => now.First.Address is not null && now.SharesName(then),
            static (now, then) => now.First.Address is not null && now.SharesDeployment(then),
            static (now, then) => now.First.Address is not null,
        ];
        Dictionary<PooledResource, PooledResource> was = [];
        List<PooledResource> left = [.. before];
        foreach (Func<PooledResource, PooledResource, bool> isAlike in alike)
        {
            foreach (PooledResource now in resources)
            {
                if (!was.ContainsKey(now) && left.Find(then => then.First.Address == now.First.Address && isAlike(now, then)) is { } found)
                {
                    was.Add(now, found);
                    left.Remove(found);
                }
            }
        }

        foreach (PooledResource now in resources)
        {
            now.Resource = was.TryGetValue(now, out PooledResource? then) ? then.Resource : create(now);
        }

        return was;
    }

    /// <summary>Where both have chat clients these decide, since a chat client may keep conversations and a generator keeps none.</summary>
    private bool HasSameReadyMade(PooledResource other) => First.ChatClient is { } client && other.First.ChatClient is { } theirs
        ? client == theirs
        : First.EmbeddingGenerator is { } generator && generator == other.First.EmbeddingGenerator;

    private bool SharesName(PooledResource other) =>
        _entries.Exists(entry => entry.HasOwnName && other._entries.Exists(theirs => theirs.HasOwnName && string.Equals(entry.Name, theirs.Name, StringComparison.OrdinalIgnoreCase)));

    private bool SharesDeployment(PooledResource other) => _entries.Exists(entry => other._entries.Exists(theirs => entry.Deployment == theirs.Deployment));

    private sealed record Identity(Uri? Address, object Secret);
}
