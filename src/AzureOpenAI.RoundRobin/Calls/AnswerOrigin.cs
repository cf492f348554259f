using System.Text.Json;
using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>The additional properties of an answer that name its endpoint, the number of its attempts, and its service tier where the call asked for one.</summary>
/// <remarks>In an answer that was kept as JSON and read again, such as that of a cache, they are <see cref="JsonElement"/>s. No endpoint was asked for that one.</remarks>
internal static class AnswerOrigin
{
    public const string Endpoint = "azure_openai.round_robin.endpoint";
    public const string Attempts = "azure_openai.round_robin.attempts";
    public const string ServiceTier = "azure_openai.round_robin.service_tier";

    /// <summary>The value of <see cref="ServiceTier"/> for a call that asked for another tier than the one that answered. Calls that ask for none have no value.</summary>
    public const string StandardTier = "default";

    /// <summary>The value for nearly all answers, boxed once.</summary>
    private static readonly object One = 1;

    public static void Mark(AdditionalPropertiesDictionary properties, Endpoint endpoint, int attempts)
    {
        properties[Endpoint] = endpoint.Setup.EntryName;
        properties[Attempts] = attempts == 1 ? One : attempts;
        if (endpoint.ServiceTier is { } tier)
        {
            properties[ServiceTier] = tier;
        }
    }

    public static string? EndpointOf(AdditionalPropertiesDictionary? properties) => TextOf(properties, Endpoint);

    public static string? TierOf(AdditionalPropertiesDictionary? properties) => TextOf(properties, ServiceTier);

    public static int? AttemptsOf(AdditionalPropertiesDictionary? properties) => IsCached(properties) ? 0 : properties?.GetValueOrDefault(Attempts) as int?;

    public static bool IsCached(AdditionalPropertiesDictionary? properties) => properties?.GetValueOrDefault(Endpoint) is JsonElement { ValueKind: JsonValueKind.String };

    private static string? TextOf(AdditionalPropertiesDictionary? properties, string name) => properties?.GetValueOrDefault(name) switch
    {
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String } kept => kept.GetString(),
        _ => null,
    };
}
