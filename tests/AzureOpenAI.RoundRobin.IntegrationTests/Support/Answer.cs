namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>What a caller got, by a call or by a stream.</summary>
internal sealed record Answer(ChatResponse Response, AdditionalPropertiesDictionary? Origin)
{
    public string Text => Response.Text;

    public string? Endpoint => Origin?.GetValueOrDefault("azure_openai.round_robin.endpoint") as string;

    public int? Attempts => Origin?.GetValueOrDefault("azure_openai.round_robin.attempts") as int?;
}
