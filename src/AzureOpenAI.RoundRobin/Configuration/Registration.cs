using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>What the endpoints are resolved for.</summary>
/// <param name="Key">The service key of a keyed registration, else null.</param>
/// <param name="ForEmbeddings">For embeddings: every endpoint must make them.</param>
/// <param name="ForChat">For chat: every endpoint must answer it. A pool alone is for neither, until a client or generator uses it.</param>
internal readonly record struct Registration(string? Key, bool ForEmbeddings, bool ForChat = false)
{
    private const string EmbeddingOptions = "AzureOpenAI.RoundRobin.Embeddings";

    public static Registration Chat => new(Key: null, ForEmbeddings: false, ForChat: true);

    public static Registration Embeddings => new(Key: null, ForEmbeddings: true);

    public static Registration Keyed(string key) => new(key, ForEmbeddings: false, ForChat: true);

    public static Registration KeyedEmbeddings(string key) => new(key, ForEmbeddings: true);

    /// <summary>Whether a deployment that code names takes precedence over an endpoint's own, since it is the purpose of the registration.</summary>
    public bool InsistsOnDeployment => Key is not null || ForEmbeddings;

    /// <summary>The name of its options: a chat client and a generator with the same key share nothing.</summary>
    public string Name =>
        !ForEmbeddings ? Key ?? Options.DefaultName
        : Key is null ? EmbeddingOptions
        : $"{EmbeddingOptions}:{Key}";

    /// <summary>The prefix of each fault, where another registration may have the same fault.</summary>
    public string Label => (Key, ForEmbeddings) switch
    {
        (null, false) => "",
        (null, true) => "Embeddings: ",
        (var key, false) => $"Registration '{key}': ",
        (var key, true) => $"Registration '{key}' (embeddings): ",
    };
}
