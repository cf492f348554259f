using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>What the endpoints are resolved for.</summary>
/// <param name="Key">The service key of a keyed registration, else null.</param>
/// <param name="ForEmbeddings">For embeddings, so that every endpoint must make them.</param>
/// <param name="ForChat">For chat, so that every endpoint must answer it. Neither for a pool of which it is not known yet what will be over it.</param>
internal readonly record struct Registration(string? Key, bool ForEmbeddings, bool ForChat = false)
{
    private const string EmbeddingOptions = "AzureOpenAI.RoundRobin.Embeddings";

    public static Registration Chat => new(Key: null, ForEmbeddings: false, ForChat: true);

    public static Registration Embeddings => new(Key: null, ForEmbeddings: true);

    public static Registration Keyed(string key) => new(key, ForEmbeddings: false, ForChat: true);

    public static Registration KeyedEmbeddings(string key) => new(key, ForEmbeddings: true);

    /// <summary>Whether a deployment that code names is this registration's very purpose, so that it beats an endpoint's own.</summary>
    public bool InsistsOnDeployment => Key is not null || ForEmbeddings;

    /// <summary>What its options, and what is made of them, are kept under: a chat client and a generator with the same key share nothing.</summary>
    public string Name =>
        !ForEmbeddings ? Key ?? Options.DefaultName
        : Key is null ? EmbeddingOptions
        : $"{EmbeddingOptions}:{Key}";

    /// <summary>In front of each fault, where there may be another registration that has it too.</summary>
    public string Label => (Key, ForEmbeddings) switch
    {
        (null, false) => "",
        (null, true) => "Embeddings: ",
        (var key, false) => $"Registration '{key}': ",
        (var key, true) => $"Registration '{key}' (embeddings): ",
    };
}
