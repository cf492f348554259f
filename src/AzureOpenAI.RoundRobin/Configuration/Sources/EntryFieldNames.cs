namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>The two names of each setting, both of which data may have: messages use the one that the user wrote.</summary>
internal static class EntryFieldNames
{
    /// <summary>What only code can give.</summary>
    public static readonly IReadOnlyList<string> OnlyInCode = [nameof(EndpointOptions.Credential), nameof(EndpointOptions.ChatClient), nameof(EndpointOptions.EmbeddingGenerator)];

    /// <returns>The name in data that has no other: that of the variables and of Python.</returns>
    public static string InData(this EntryField field) => field switch
    {
        EntryField.Endpoint => VariableNames.Endpoint,
        EntryField.ApiKey => VariableNames.ApiKey,
        EntryField.Model => "model",
        EntryField.Deployment => "azure_deployment",
        EntryField.Api => "api",
        EntryField.ApiVersion => "api_version",
        EntryField.Temperature => "temperature",
        EntryField.MaxTokens => "max_tokens",
        EntryField.Name => "name",
        EntryField.Weight => "weight",
        EntryField.Priority => "priority",
        EntryField.RequestsPerMinute => "requests_per_minute",
        EntryField.TokensPerMinute => "tokens_per_minute",
        _ => "deployments",
    };

    /// <returns>The property of <see cref="EndpointOptions"/>.</returns>
    public static string InCode(this EntryField field) => field switch
    {
        EntryField.Endpoint => nameof(EndpointOptions.Endpoint),
        EntryField.ApiKey => nameof(EndpointOptions.ApiKey),
        EntryField.Model or EntryField.Deployment => nameof(EndpointOptions.DeploymentName),
        EntryField.Api => nameof(EndpointOptions.Api),
        EntryField.ApiVersion => nameof(EndpointOptions.ApiVersion),
        EntryField.Temperature => nameof(EndpointOptions.Temperature),
        EntryField.MaxTokens => nameof(EndpointOptions.MaxOutputTokens),
        EntryField.Name => nameof(EndpointOptions.Name),
        EntryField.Weight => nameof(EndpointOptions.Weight),
        EntryField.Priority => nameof(EndpointOptions.Priority),
        EntryField.RequestsPerMinute => nameof(EndpointOptions.RequestsPerMinute),
        EntryField.TokensPerMinute => nameof(EndpointOptions.TokensPerMinute),
        _ => nameof(EndpointOptions.Deployments),
    };

    /// <returns>The setting of that name, in data or in code, without regard to case, or null.</returns>
    public static EntryField? Find(string name)
    {
        foreach (EntryField field in Enum.GetValues<EntryField>())
        {
            if (string.Equals(field.InData(), name, StringComparison.OrdinalIgnoreCase)
                || (field != EntryField.Model && string.Equals(field.InCode(), name, StringComparison.OrdinalIgnoreCase)))
            {
                return field;
            }
        }

        return null;
    }
}
