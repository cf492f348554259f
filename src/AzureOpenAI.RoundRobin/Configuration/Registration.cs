namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>What the endpoints are resolved for.</summary>
/// <param name="Key">The service key of a keyed registration, else null.</param>
/// <param name="ForEmbeddings">Embeddings, else chat.</param>
internal readonly record struct Registration(string? Key, bool ForEmbeddings)
{
    public static Registration Chat => default;

    public static Registration Embeddings => new(Key: null, ForEmbeddings: true);

    public static Registration Keyed(string key) => new(key, ForEmbeddings: false);

    /// <summary>Whether a deployment that code names is this registration's very purpose, so that it beats an endpoint's own.</summary>
    public bool InsistsOnDeployment => Key is not null || ForEmbeddings;
}
