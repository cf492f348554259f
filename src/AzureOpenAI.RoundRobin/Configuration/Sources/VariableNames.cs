namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>The names looked up in <c>IConfiguration</c> and in the process environment.</summary>
internal static class VariableNames
{
    public const string Connection = "AZURE_OPENAI_ROUND_ROBIN_CONNECTION";
    public const string Switch = "USE_AZURE_OPENAI_ROUND_ROBIN";
    public const string Endpoint = "AZURE_OPENAI_ENDPOINT";
    public const string ApiKey = "AZURE_OPENAI_API_KEY";
    public const string Deployment = "AZURE_OPENAI_DEPLOYMENT";
    public const string EmbeddingDeployment = "AZURE_OPENAI_EMBEDDING_DEPLOYMENT";
    public const string Api = "AZURE_OPENAI_API";
    public const string ApiVersion = "AZURE_OPENAI_API_VERSION";
}
