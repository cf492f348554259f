using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>The additional properties of an answer that name its endpoint and the number of its attempts.</summary>
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
}
