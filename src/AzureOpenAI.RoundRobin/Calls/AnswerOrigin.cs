using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>The properties by which an answer tells where it came from.</summary>
internal static class AnswerOrigin
{
    public const string Endpoint = "azure_openai.round_robin.endpoint";
    public const string Attempts = "azure_openai.round_robin.attempts";

    /// <summary>Nearly every answer's, and not a new object each time.</summary>
    private static readonly object One = 1;

    public static void Mark(AdditionalPropertiesDictionary properties, string endpoint, int attempts)
    {
        properties[Endpoint] = endpoint;
        properties[Attempts] = attempts == 1 ? One : attempts;
    }
}
