using System.Text.Json;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>The additional properties of an answer that name its endpoint and the number of its attempts.</summary>
/// <remarks>In an answer that was kept as JSON and read again, such as that of a cache, they are <see cref="JsonElement"/>s. No endpoint was asked for that one.</remarks>
internal static class AnswerOrigin
{
    public const string Endpoint = "azure_openai.round_robin.endpoint";
    public const string Attempts = "azure_openai.round_robin.attempts";

    /// <summary>The value for nearly all answers, boxed once.</summary>
    private static readonly object One = 1;

    public static void Mark(AdditionalPropertiesDictionary properties, string endpoint, int attempts)
    {
        properties[Endpoint] = endpoint;
        properties[Attempts] = attempts == 1 ? One : attempts;
    }

    public static string? EndpointOf(AdditionalPropertiesDictionary? properties) => properties?.GetValueOrDefault(Endpoint) switch
    {
        string name => name,
        JsonElement { ValueKind: JsonValueKind.String } kept => kept.GetString(),
        _ => null,
    };

    public static int? AttemptsOf(AdditionalPropertiesDictionary? properties) => IsCached(properties) ? 0 : properties?.GetValueOrDefault(Attempts) as int?;

    public static bool IsCached(AdditionalPropertiesDictionary? properties) => properties?.GetValueOrDefault(Endpoint) is JsonElement { ValueKind: JsonValueKind.String };
}
