namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>The settings of one endpoint.</summary>
internal enum EntryField
{
    Endpoint,
    ApiKey,
    Model,
    Deployment,
    ApiVersion,
    Temperature,
    MaxTokens,
    Name,
    Weight,
    Priority,
    RequestsPerMinute,
    TokensPerMinute,
    Api,
    Deployments,
}
