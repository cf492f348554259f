using System.Text.Json;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>What an operator would set for the resources of a fleet.</summary>
internal static class Connections
{
    public const string Connection = "AZURE_OPENAI_ROUND_ROBIN_CONNECTION";
    public const string Switch = "USE_AZURE_OPENAI_ROUND_ROBIN";
    public const string Endpoint = "AZURE_OPENAI_ENDPOINT";
    public const string ApiKey = "AZURE_OPENAI_API_KEY";
    public const string Deployment = "AZURE_OPENAI_DEPLOYMENT";

    public static string Json(Fleet fleet) => JsonSerializer.Serialize(fleet.Azure.Resources.Select(resource => new Dictionary<string, object>
    {
        [Endpoint] = resource.Endpoint.AbsoluteUri,
        [ApiKey] = resource.ApiKey,
        ["name"] = resource.Name,
    }));

    /// <summary>Everything that the pool needs and everything that the single endpoint needs; the switch alone decides.</summary>
    public static Dictionary<string, string?> Variables(Fleet fleet, string? on) => new()
    {
        [Connection] = Json(fleet),
        [Switch] = on,
        [Endpoint] = fleet.Azure.Resources[0].Endpoint.AbsoluteUri,
        [ApiKey] = fleet.Azure.Resources[0].ApiKey,
        [Deployment] = Fleet.Deployment,
    };
}
